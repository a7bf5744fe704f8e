/**
 * What goes over the wire: the servers send it, and the contestants know it and check what they
 * read against it.
 *
 * @module
 */

/** Where all servers listen. */
export const HOST = "127.0.0.1";

/** What one asks of the server `pong`, and what it answers. */
export const PING = "PING\r\n";
export const PONG = "+PONG\r\n";

/** What the server `lines` repeats: 64 bytes. */
export const LINE = `${
  "The quick brown fox jumps over the lazy dog; ".padEnd(62, "0123456789")
}\r\n`;

/** What the server `parts` repeats: a part, and the delimiter that ends it. */
export const PART = "A part may hold line ends,\r\n and dashes \r\n-- like those of its delimiter. "
  .repeat(20).slice(0, 1024);
export const DELIMITER = "\r\n--boundary-5d8f3ab";

/** What the server `bytes` repeats. */
export const BYTES = "0123456789abcdef";
