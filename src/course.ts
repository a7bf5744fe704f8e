// A course of steps under one limit of time and one signal: whatever is under way
// when it is given up is stopped, and the error says what could not be done.

import { quote } from "./bytes.ts";
import { tellTimeout } from "./diagnostics.ts";
import { codeOf, mapError } from "./drivers/map_error.ts";
import { cannotStartTls } from "./drivers/secure.ts";
import { SocketError, type SocketOperation } from "./errors.ts";
import { RaceLost } from "./race.ts";
import { type Address, addressText } from "./transport.ts";

/** One course of steps that may be given up at any of them. */
export interface Course {
  /** Calls `stop` when the course is given up, or at once if it has been. */
  onGiveUp(stop: () => void): void;
  /** Throws if the course has been given up: nothing new is begun then. */
  goOn(): void;
}

/**
 * Bounds a course of steps as a whole; what is under way when it ends is stopped,
 * and what comes of it all the same is discarded.
 */
export function bounded<T>(
  op: SocketOperation,
  address: Address | null,
  limits: { timeoutMs: number; signal: AbortSignal | undefined; connection?: number },
  steps: (course: Course) => Promise<T>,
  discard?: (value: T) => void,
): Promise<T> {
  const { timeoutMs, signal } = limits;
  const peer = address === null ? undefined : addressText(address);
  const what = attempted(op, address);
  const facts = peer === undefined ? { op } : { op, address: peer };
  return new Promise((resolve, reject) => {
    let over = false;
    let stop: (() => void) | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const giveUp = (error: SocketError) => {
      end();
      stop?.();
      reject(error);
    };
    const abort = () => {
      const cause = signal!.reason;
      giveUp(new SocketError("aborted", `${what}: the signal was aborted`, { ...facts, cause }));
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    // Longer ones would overflow into an immediate call.
    if (timeoutMs > 0 && timeoutMs < 2 ** 31) {
      timer = setTimeout(() => {
        const error = new SocketError("timeout", `${what}: no answer in ${timeoutMs} ms`, facts);
        tellTimeout(error, limits.connection);
        giveUp(error);
      }, timeoutMs);
    }
    const course: Course = {
      onGiveUp: (fresh) => {
        stop = fresh;
        if (over) fresh();
      },
      goOn: () => {
        if (over) throw new Error("It was given up");
      },
    };
    steps(course).then((value) => {
      if (over) return discard?.(value);
      end();
      resolve(value);
    }, (error) => {
      if (over) return;
      end();
      reject(error instanceof RaceLost ? lost(error, what, facts) : toError(error, what, facts));
    });
  });
}

/** What was tried, for messages. */
export function attempted(op: SocketOperation, address: Address | null): string {
  if (op === "handshake") return cannotStartTls(address);
  return op === "lookup" && "hostname" in address!
    ? `Cannot look up ${quote(address.hostname)}`
    : `Cannot connect to ${addressText(address!)}`;
}

interface Facts {
  readonly op: SocketOperation;
  readonly address?: string;
}

function toError(error: unknown, what: string, facts: Facts): unknown {
  // The caller's own look-up may fail in its own words; its mistakes stay mistakes.
  if (error instanceof TypeError && codeOf(error) === "failed") return error;
  return mapError(error, facts.op, what, facts.address);
}

function lost({ refusals }: RaceLost, what: string, facts: Facts): SocketError {
  const errors = refusals.map(({ address, error }) => mapError(error, facts.op, address, address));
  const codes = new Set(errors.map((it) => it.code));
  const code = codes.size === 1 ? errors[0]!.code : errors.at(-1)!.code;
  const each = errors.map((it) => it.message).join("; ");
  const cause = errors.length === 1 ? errors[0]!.cause : new AggregateError(errors, each);
  return new SocketError(code, `${what}: ${each}`, { ...facts, cause });
}
