/** What calls the agent's attention: a sound, the title of the tab, notices of the desktop. */

import { ref, shallowReactive } from "vue";

import { read, write } from "@/shared/locale";

export type Channel = "sound" | "title" | "desktop";

const KEY = "kefu.notices.";

export class Notices {
  readonly settings: Record<Channel, boolean> = shallowReactive({
    sound: read(`${KEY}sound`) !== "0",
    title: read(`${KEY}title`) !== "0",
    desktop: read(`${KEY}desktop`) === "1" && permission() === "granted",
  });
  /** Whether the browser lets us ask: "denied" cannot be asked again, "none" has no notices. */
  readonly permission = ref(permission());
  private audio: AudioContext | null = null;
  private readonly shown = new Set<Notification>();

  /** Switch one on or off. The desktop's may need the person's consent, which is asked for. */
  async choose(channel: Channel, isOn: boolean): Promise<void> {
    if (channel === "desktop" && isOn && this.permission.value !== "none") {
      await Notification.requestPermission();
      this.permission.value = permission();
    }
    const allowed = channel !== "desktop" || this.permission.value === "granted";
    this.settings[channel] = isOn && allowed;
    write(`${KEY}${channel}`, this.settings[channel] ? "1" : "0");
    if (channel === "sound" && isOn) this.beep();
  }

  /** Somebody has said something that the agent does not look at. */
  call(title: string, text: string, open: () => void): void {
    if (this.settings.sound) this.beep();
    if (!this.settings.desktop || document.hasFocus()) return;
    const notice = new Notification(title, { body: text, tag: title, silent: true });
    this.shown.add(notice);
    notice.onclick = () => {
      window.focus();
      notice.close();
      open();
    };
    notice.onclose = () => this.shown.delete(notice);
  }

  /** Take away what has been shown. */
  clear(): void {
    for (const notice of this.shown) notice.close();
    this.shown.clear();
  }

  /** Two short tones. Browsers are silent until the person has done something with the page. */
  private beep(): void {
    this.audio ??= new AudioContext();
    const { audio } = this;
    void audio.resume();
    if (audio.state !== "running") return;
    for (const [index, frequency] of [660, 880].entries()) {
      const start = audio.currentTime + index * 0.14;
      const tone = new OscillatorNode(audio, { frequency });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.16, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.22);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.24);
    }
  }
}

function permission(): NotificationPermission | "none" {
  return "Notification" in window ? Notification.permission : "none";
}
