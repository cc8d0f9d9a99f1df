/** The connection to the server: whether it is there, and when it is tried again. */

import { shallowReactive } from "vue";

import { LoggedOut } from "@/shared/api";
import { type Frame, type Init, LiveSocket, type State } from "@/shared/socket";

import type { Me } from "../data";
import { ask } from "./session";

const CAPABILITIES = "read,typing,recall,accepting";

export class Live {
  readonly status = shallowReactive<{
    state: State;
    /** Unix time, milliseconds, of the next attempt. */
    retryAt: number | null;
    /** Whether it has been there at all. */
    wasOpen: boolean;
  }>({ state: "connecting", retryAt: null, wasOpen: false });
  private readonly socket: LiveSocket;

  constructor(
    me: Me,
    handlers: {
      frame: (frame: Frame) => void;
      /** Bound: catch up. May raise what `call` does. */
      ready: () => Promise<void>;
      /** Another page has taken this one's place. */
      replaced: () => void;
    },
  ) {
    this.socket = new LiveSocket({
      url: () => me.websocket_url,
      ready: async ({ client_id, bind_key }: Init) => {
        try {
          await ask("chat/bind", { client_id, bind_key, caps: CAPABILITIES });
          await handlers.ready();
        } catch (error) {
          if (error instanceof LoggedOut) this.socket.stop();
          throw error;
        }
      },
      frame: handlers.frame,
      replaced: handlers.replaced,
      state: (state, retryAt) => {
        const wasOpen = this.status.wasOpen || state === "open";
        Object.assign(this.status, { state, retryAt, wasOpen });
      },
    });
  }

  start(): void {
    this.socket.start();
  }

  stop(): void {
    this.socket.stop();
  }

  retry(): void {
    this.socket.retry();
  }
}
