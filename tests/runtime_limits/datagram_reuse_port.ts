/** Whether two sockets for datagrams can share a port by `reusePort`: not on Deno, which ignores it. */

import { createSocket } from "node:dgram";

const options = { type: "udp4", reusePort: true } as const;
const first = createSocket(options).bind(0, "127.0.0.1", () => {
  const second = createSocket(options).bind(first.address().port, "127.0.0.1", () => {
    console.log("The port is shared");
    second.close();
    first.close();
  });
  second.on("error", ({ code }: NodeJS.ErrnoException) => {
    console.log(`The port is not shared: ${code}`);
    first.close();
  });
});
