/** Pictures, made small enough to be sent over a telephone's connection. */

const LONGEST = 1920; // pixels of the longer side
const SMALL = 300 * 1024; // bytes: below this a picture is sent as it is

const QUALITY = 0.86;

/** The pictures among what was pasted, dropped or chosen. */
export function picturesOf(files: FileList | undefined | null): File[] {
  return [...(files ?? [])].filter((file) => file.type.startsWith("image/"));
}

/** The picture, or a smaller one of the same. The server looks at what it gets in any case. */
export async function shrink(blob: Blob): Promise<Blob> {
  if (blob.type === "image/gif") return blob; // it may move
  const isKnown = ["image/jpeg", "image/png", "image/webp"].includes(blob.type);
  if (isKnown && blob.size <= SMALL) return blob;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return blob; // the server says what is wrong with it
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  if (!context) return blob;
  context.fillStyle = "#fff"; // what JPEG has in place of nothing
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const small = await new Promise<Blob | null>((resolve) =>
    canvas.toBlob(resolve, "image/jpeg", QUALITY),
  );
  return small && (small.size < blob.size || !isKnown) ? small : blob;
}
