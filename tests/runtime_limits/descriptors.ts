/**
 * Whether a runtime tells the descriptor of a connection: none does, by what is documented of its
 * sockets. What there is under other names (`_handle` of Node, `fd` of Bun) may be gone tomorrow.
 */

import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";

function* namesOf(it: object): Generator<string> {
  yield* Object.getOwnPropertyNames(it);
  const prototype = Object.getPrototypeOf(it);
  if (prototype !== Object.prototype) yield* namesOf(prototype);
}

const server = createServer().listen(0, "127.0.0.1", () => {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
    const names = [...namesOf(socket)].filter((it) => !/^[_k]/.test(it) && /fd|desc/i.test(it));
    console.log("node:net tells a descriptor by:", names.join(" ") || "nothing");
    process.exit();
  });
});
