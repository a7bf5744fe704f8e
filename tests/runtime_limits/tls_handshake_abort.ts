/**
 * Deno: its own TLS lets go of no connection while the handshake is under way. Who gives up on a
 * peer that never answers, and closes, leaves the connection open until that peer ends it. (So the
 * library has TLS from `node:tls` on Deno, too.)
 */
const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const accepted = silent.accept();
const tcp = await Deno.connect({ hostname: "127.0.0.1", port: silent.addr.port });
const tls = await Deno.startTls(tcp, { hostname: "localhost" });
const handshake = tls.handshake().catch((error) => console.log(`Handshake: ${error}`));
const peer = await accepted;
await peer.read(new Uint8Array(4096));
tls.close();
await handshake;
const end = peer.read(new Uint8Array(1)).then((count) => count === null ? "an end" : "a byte");
const nothing = new Promise((resolve) => setTimeout(resolve, 500, "nothing"));
console.log(`Half a second after close() its peer sees ${await Promise.race([end, nothing])}`);
Deno.exit();
