/** Which error says that a unix socket cannot be: ENOTDIR, or on Bun always ECONNREFUSED. */

import { connect } from "node:net";

const path = "/dev/null/socket";
connect(path).on("error", (error: NodeJS.ErrnoException) => {
  console.log(`Connecting to "${path}", below what is no directory: ${error.code}`);
});
