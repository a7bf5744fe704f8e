// What a socket for datagrams can be told, and what is refused before anything happens.

import { checkFlag, checkMs, checkOptions, checkText, checkWhole, wrongType } from "./check.ts";
import { checkOpenOptions, type Lookup } from "./connect.ts";
import { ipFamily } from "./ip.ts";
import type { Target } from "./target.ts";
import type { DatagramSettings, MulticastGroup } from "./transport.ts";

/**
 * How to open a socket for datagrams, and the settings it starts with.
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 *
 * await using sock = await datagram({
 *   localAddress: "127.0.0.1",
 *   maxQueued: 100, // more than that is dropped
 *   readTimeoutMs: 20,
 * });
 * await sock.receiveFrom().catch((error) => console.log(error.code)); // timeout
 * ```
 */
export interface DatagramSocketOptions extends Partial<DatagramSettings> {
  /** The one peer to exchange datagrams with, as by `connect`. Default: none. */
  remote?: Target;
  /** Local IP address. Default: every one of the machine. */
  localAddress?: string;
  /** Local port. Default 0: any free one. */
  localPort?: number;
  /** Default: that of `localAddress`, or else of `remote`, or else 4. */
  family?: 4 | 6;
  /** Of family 6: no IPv4 beside it. Default `false`. */
  ipv6Only?: boolean;
  /** Lets others that say so, too, have the same address and port. Default `false`. */
  reuseAddress?: boolean;
  /** The same, and the system spreads among them what comes; not on Deno. Default `false`. */
  reusePort?: boolean;
  /** Finds addresses instead of the system. */
  lookup?: Lookup;
  /** Milliseconds for the look-up of `remote`; 0 waits for ever. Default 60,000. */
  timeoutMs?: number;
  /** Gives up opening when aborted. */
  signal?: AbortSignal;
  /** Milliseconds before a send gives up; 0 never. Default 60,000. */
  sendTimeoutMs?: number;
  /** Milliseconds without a datagram before a receive gives up; 0 never. Default 60,000. */
  readTimeoutMs?: number;
  /** Datagrams that wait until they are received; one more is dropped. Default 1024. */
  maxQueued?: number;
  /** Bytes of datagrams that wait; one that exceeds them is dropped. Default 1 MiB. */
  maxQueuedBytes?: number;
}

export type SettingName = keyof DatagramSettings;

/** Refuses options that no socket could be opened with. */
export function checkDatagramOptions(options: DatagramSocketOptions): void {
  checkOpenOptions(options);
  const { localAddress, family, maxQueued, maxQueuedBytes } = options;
  if (localAddress !== undefined && family !== undefined && ipFamily(localAddress) !== family) {
    throw new TypeError(`localAddress must be of family ${family}, not ${localAddress}`);
  }
  for (const name of ["ipv6Only", "reuseAddress", "reusePort"] as const) {
    checkFlag(name, options[name]);
  }
  for (const name of ["sendTimeoutMs", "readTimeoutMs"] as const) {
    const value = options[name];
    if (value !== undefined) checkMs(name, value);
  }
  if (maxQueued !== undefined) checkWhole("maxQueued", maxQueued, 1);
  if (maxQueuedBytes !== undefined) checkWhole("maxQueuedBytes", maxQueuedBytes, 1);
  for (const name of SETTING_NAMES) {
    if (options[name] !== undefined) checkSetting(name, options[name]);
  }
}

const SETTING_CHECKS: Record<SettingName, (name: string, value: unknown) => unknown> = {
  broadcast: checkBoolean,
  ttl: (name, value) => checkByte(name, value, 1),
  multicastTtl: (name, value) => checkByte(name, value, 0),
  multicastLoopback: checkBoolean,
  multicastInterface: checkText,
  receiveBufferBytes: (name, value) => checkWhole(name, value, 1),
  sendBufferBytes: (name, value) => checkWhole(name, value, 1),
};

export const SETTING_NAMES: readonly SettingName[] = Object.keys(SETTING_CHECKS) as SettingName[];

/** Refuses what is no setting. */
export function checkSettingName(name: unknown): void {
  if (SETTING_NAMES.includes(name as SettingName)) return;
  throw wrongType("name", `one of ${SETTING_NAMES.join(", ")}`, name);
}

/** Refuses what a setting cannot be. */
export function checkSetting(name: SettingName, value: unknown): void {
  checkSettingName(name);
  SETTING_CHECKS[name](name, value);
}

function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") throw wrongType(name, "true or false", value);
}

function checkByte(name: string, value: unknown, least: number): void {
  if (checkWhole(name, value, least) > 255) {
    throw new RangeError(`${name} must be at most 255, not ${value}`);
  }
}

function checkIp(name: string, value: unknown): string {
  const text = checkText(name, value);
  if (ipFamily(text) === 0) throw wrongType(name, "an IP address", value);
  return text;
}

/** Refuses what is no group. */
export function checkGroup(group: MulticastGroup): MulticastGroup {
  if (group === undefined) throw wrongType("group", "an object", group);
  checkOptions("group", group);
  checkIp("group.group", group.group);
  if (group.interface !== undefined) checkText("group.interface", group.interface);
  if (group.source !== undefined) checkIp("group.source", group.source);
  return group;
}
