/** A WebSocket that comes back by itself. */

export interface Frame {
  type: string;
  data: Record<string, unknown>;
}

export interface Init {
  client_id: string;
  bind_key: string;
}

export type State = "connecting" | "open" | "waiting" | "stopped";

export interface Handlers {
  /** Where to connect to; asked before each attempt. */
  url: () => string;
  /**
   * The gateway has said `init`: bind, then catch up. While this fails with anything but a refusal
   * of ours the socket is given up and opened again.
   */
  ready: (init: Init) => Promise<void>;
  frame: (frame: Frame) => void;
  state?: (state: State, retryAt: number | null) => void;
  /** The server said not to come back (close codes 4200-4299). */
  replaced?: (code: number) => void;
}

const FIRST_PAUSE = 500; // ms
const LONGEST_PAUSE = 30_000; // ms
const LATER = 30_000; // ms; what close codes 4100-4199 ask for
const PING = 20_000; // ms; the gateway drops who is silent for 90 s
const OPEN_TIMEOUT = 10_000; // ms, until `init`

/** Milliseconds to wait before the attempt after `failures` failed ones; `random` in 0..1. */
export function pause(failures: number, random: number): number {
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10));
  return longest / 2 + (random * longest) / 2;
}

export class LiveSocket {
  private socket: WebSocket | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private pinger: ReturnType<typeof setInterval> | undefined;
  private running = false;
  private init: Init | null = null;
  state: State = "stopped";

  constructor(private readonly handlers: Handlers) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    window.addEventListener("online", this.networkIsBack);
    document.addEventListener("visibilitychange", this.wake);
    this.open();
  }

  /** Close it and stay away. Idempotent. */
  stop(): void {
    this.running = false;
    window.removeEventListener("online", this.networkIsBack);
    document.removeEventListener("visibilitychange", this.wake);
    clearTimeout(this.timer);
    this.drop();
    this.enter("stopped");
  }

  /** Try at once rather than after the pause. */
  retry(): void {
    if (this.running && this.state === "waiting") this.open();
  }

  /** Bind and catch up once more; where that fails the socket is opened anew. */
  refresh(): void {
    if (this.state === "open" && this.init) void this.check(this.init);
  }

  /** The old socket may look open for minutes, while nothing comes through it. */
  private readonly networkIsBack = (): void => this.open();

  /** The person has come back: phones and laptops that slept do not always tell. */
  private readonly wake = (): void => {
    if (document.visibilityState === "hidden") return;
    if (this.state === "waiting") this.open();
    else this.refresh();
  };

  /** Binding again is idempotent, and fails where the gateway has lost the socket. */
  private async check(init: Init): Promise<void> {
    const socket = this.socket;
    try {
      await this.handlers.ready(init);
    } catch {
      if (socket === this.socket) this.lost(0);
    }
  }

  private open(): void {
    clearTimeout(this.timer);
    this.drop();
    this.enter("connecting");
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.handlers.url());
    } catch {
      this.lost(0);
      return;
    }
    this.socket = socket;
    this.timer = setTimeout(() => this.lost(0), OPEN_TIMEOUT);
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(String(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code);
    };
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.type !== "init") {
      this.handlers.frame(frame);
      return;
    }
    clearTimeout(this.timer);
    this.init = frame.data as unknown as Init;
    clearInterval(this.pinger);
    this.pinger = setInterval(() => this.socket?.send("ping"), PING);
    void this.begin(this.init);
  }

  private async begin(init: Init): Promise<void> {
    const socket = this.socket;
    try {
      await this.handlers.ready(init);
    } catch {
      if (socket === this.socket) this.lost(0);
      return;
    }
    if (socket !== this.socket) return;
    this.failures = 0;
    this.enter("open");
  }

  private lost(code: number): void {
    this.drop();
    if (!this.running) return;
    if (code >= 4200 && code < 4300) {
      this.stop();
      this.handlers.replaced?.(code);
      return;
    }
    const wait = pause(this.failures, Math.random()) + (code >= 4100 && code < 4200 ? LATER : 0);
    this.failures += 1;
    this.enter("waiting", Date.now() + wait);
    this.timer = setTimeout(() => this.open(), wait);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.init = null;
    clearTimeout(this.timer);
    clearInterval(this.pinger);
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private enter(state: State, retryAt: number | null = null): void {
    this.state = state;
    this.handlers.state?.(state, retryAt);
  }
}
