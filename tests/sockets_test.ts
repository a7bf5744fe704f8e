import assert from "node:assert/strict";
import { test } from "node:test";
import type { SocketError as CoreError, SocketErrorCode } from "../src/errors.ts";
import type { Cosocket } from "../src/cosocket.ts";
import {
  type AnySocketAddress,
  connect,
  createSockets,
  type Socket,
  SocketError,
  type SocketOptions,
} from "../src/faces/sockets/mod.ts";
import { listen, type ListenerOptions } from "../src/listener.ts";
import { certificates } from "./helpers/certificates.ts";
import { remotePeer } from "./helpers/remote_peer.ts";
import { turns } from "./helpers/turns.ts";

const { ca, localhost, good } = await certificates();
const trusting = createSockets({ tls: { caCerts: ca.cert } });

test("connect() gives a socket at once, and says where it is when it is open", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = connect({ hostname: "127.0.0.1", port });
    assert.deepEqual([socket.upgraded, socket.secureTransport], [false, "off"]);
    assert.ok(socket.readable instanceof ReadableStream);
    assert.ok(socket.writable instanceof WritableStream);
    const { remoteAddress, localAddress, alpn } = await socket.opened;
    assert.equal(remoteAddress, `127.0.0.1:${port}`);
    const guest = await accept();
    const { hostname, port: ours } = guest.remoteAddress as { hostname: string; port: number };
    assert.deepEqual([localAddress, alpn], [`${hostname}:${ours}`, null]);
    await socket.close();
  });
});

test("connect() takes an address as text, and a port that is text", async () => {
  await withPeer({}, async ({ port, accept }) => {
    for (const address of [`localhost:${port}`, { hostname: "127.0.0.1", port: `${port}` }]) {
      const socket = connect(address as AnySocketAddress);
      await accept();
      await socket.opened;
      await socket.close();
    }
  });
});

test("connect() throws a SocketError for what makes no sense", () => {
  const address = "127.0.0.1:1";
  const calls: [AnySocketAddress, object?][] = [
    ["nope"],
    [""],
    ["host:99999"],
    ["unix:/tmp/no.sock"],
    ["https://host:1"],
    [{ hostname: "", port: 1 }],
    [{ hostname: "host", port: 65536 }],
    [{ hostname: "host", port: "none" } as unknown as AnySocketAddress],
    [undefined as unknown as AnySocketAddress],
    [address, { secureTransport: "yes" }],
    [address, { sni: "host" }],
    [address, { secureTransport: "off", alpn: ["h2"] }],
  ];
  assert.throws(() => connect(address, 7 as SocketOptions), TypeError);
  for (const [address, options] of calls) {
    assert.throws(() => connect(address, options), (error: Error) => {
      assert.ok(error instanceof SocketError && error instanceof TypeError);
      assert.match(error.message, /^SocketError: ./);
      return true;
    }, JSON.stringify([address, options]));
  }
});

test("the streams can be used before there is a connection", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = connect({ hostname: "127.0.0.1", port });
    const reading = socket.readable.getReader().read();
    const writing = socket.writable.getWriter().write(bytes("early\n"));
    const guest = await accept();
    assert.equal(await guest.receiveLine(), "early");
    await guest.send("answer");
    await writing;
    assert.equal(text((await reading).value!), "answer");
    await socket.close();
  });
});

test("all of a socket that could not be opened fails, with the reason as its cause", async () => {
  const gone = await listen("127.0.0.1:0");
  const { address } = gone;
  await gone.close();
  const socket = connect(address as { hostname: string; port: number });
  const error = await failure(socket.opened, "refused");
  assert.match(error.message, /^SocketError: Cannot connect to 127\.0\.0\.1:\d+: /);
  assert.equal(await caught(socket.closed), error);
  assert.equal(await caught(socket.readable.getReader().read()), error);
  assert.equal(await caught(socket.writable.getWriter().write(bytes("x"))), error);
  assert.equal(await caught(socket.close()), error);
  assert.throws(() => socket.startTls(), SocketError);
});

test("that nobody looks at what failed is no fault of the program's", async () => {
  const gone = await listen("127.0.0.1:0");
  const { address } = gone;
  await gone.close();
  const socket = connect(address as { hostname: string; port: number });
  // Whoever waits here sees it; nobody looks at `opened`, `closed` and `writable`.
  await caught(socket.readable.getReader().closed);
  await turns();
});

test("close() ends both streams, and twice is fine", async () => {
  await withSocket({}, async (socket, guest) => {
    const reading = socket.readable.getReader().read();
    const writer = socket.writable.getWriter();
    const closed = socket.close();
    assert.equal(closed, socket.closed);
    assert.equal(socket.close(), closed);
    assert.equal(await closed, undefined);
    assert.equal((await reading).done, true);
    await failure(writer.write(bytes("x")));
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("close() ends a read that brought its own memory", async () => {
  await withSocket({}, async (socket) => {
    const reading = socket.readable.getReader({ mode: "byob" }).read(new Uint8Array(8));
    await turns();
    await socket.close();
    assert.equal((await reading).done, true);
  });
});

test("close() ends the socket while a reader holds part of an element", async () => {
  await withSocket({}, async (socket, guest) => {
    const { failing } = await partRead(socket, guest);
    assert.equal(await socket.close(), undefined);
    assert.ok(await failing instanceof TypeError);
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("so does the peer's end", async () => {
  await withSocket({}, async (socket, guest) => {
    const { failing } = await partRead(socket, guest);
    await guest.closeWrite();
    assert.ok(await failing instanceof TypeError);
    assert.equal(await socket.closed, undefined);
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("close() tells later writes its reason", async () => {
  await withSocket({}, async (socket) => {
    const writer = socket.writable.getWriter();
    const reason = new Error("enough");
    await socket.close(reason);
    assert.equal(await caught(writer.write(bytes("x"))), reason);
    assert.equal(await caught(writer.closed), reason);
  });
});

test("close() sends what was written before, and nothing that is written later", async () => {
  await withSocket({}, async (socket, guest) => {
    const writer = socket.writable.getWriter();
    const large = new Uint8Array(3_000_000).fill(97);
    const before = [writer.write(large), writer.write(bytes("b")), writer.write(bytes("c"))];
    const closed = socket.close();
    const after = caught(writer.write(bytes("d")));
    const all = await guest.receiveAll();
    assert.equal(all.length, large.length + 2);
    assert.equal(text(all.subarray(-3)), "abc");
    await Promise.all([...before, closed]);
    assert.ok(await after instanceof SocketError);
  });
});

test("close() gives up what is still being connected", async () => {
  const socket = connect({ hostname: "127.0.0.1", port: remotePeer().blackHole() });
  const reading = socket.readable.getReader().read();
  const writing = caught(socket.writable.getWriter().write(bytes("x")));
  const reason = new Error("enough");
  await socket.close(reason);
  assert.equal(await caught(socket.opened), reason);
  assert.equal((await reading).done, true);
  assert.equal(await writing, reason);
});

test("the peer's end closes the socket, after what was written is sent", async () => {
  await withSocket({}, async (socket, guest) => {
    await guest.send("last");
    await guest.closeWrite();
    const writer = socket.writable.getWriter();
    const writing = writer.write(new Uint8Array(3_000_000));
    const all = new Response(socket.readable).text();
    assert.equal((await guest.receiveAll()).length, 3_000_000);
    assert.equal(await all, "last");
    await Promise.all([writing, socket.closed]);
    await failure(writer.write(bytes("x")));
  });
});

test("the peer's end is not seen before somebody reads up to it", async () => {
  await withSocket({}, async (socket, guest) => {
    await guest.closeWrite();
    const writer = socket.writable.getWriter();
    await writer.write(bytes("still there\n"));
    assert.equal(await guest.receiveLine(), "still there");
    await socket.close();
  });
});

test("with allowHalfOpen the writable goes on after the peer's end", async () => {
  await withSocket({ allowHalfOpen: true }, async (socket, guest) => {
    await guest.send("last");
    await guest.closeWrite();
    assert.equal(await new Response(socket.readable).text(), "last");
    const closed = watched(socket.closed);
    const writer = socket.writable.getWriter();
    await writer.write(bytes("after\n"));
    assert.equal(await guest.receiveLine(), "after");
    await turns();
    assert.equal(closed.settled, false);
    await socket.close();
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("closing writable ends one side, and closed is pending until close()", async () => {
  await withSocket({ allowHalfOpen: true }, async (socket, guest) => {
    const closed = watched(socket.closed);
    const writer = socket.writable.getWriter();
    writer.write(bytes("the whole"));
    await writer.close();
    assert.equal(text(await guest.receiveAll()), "the whole");
    await guest.send("answer");
    await guest.closeWrite();
    assert.equal(await new Response(socket.readable).text(), "answer");
    await turns();
    assert.equal(closed.settled, false);
    await socket.close();
  });
});

test("canceling readable leaves writable as it is", async () => {
  await withSocket({}, async (socket, guest) => {
    const closed = watched(socket.closed);
    const reader = socket.readable.getReader();
    const reading = reader.read();
    await turns();
    await reader.cancel();
    assert.equal((await reading).done, true);
    const writer = socket.writable.getWriter();
    await writer.write(bytes("still there\n"));
    assert.equal(await guest.receiveLine(), "still there");
    await writer.close();
    assert.equal(await guest.receiveAny(1), null);
    assert.equal(closed.settled, false);
    await socket.close();
  });
});

test("a connection whose both sides are over is let go of", async () => {
  await withSocket({}, async (socket, guest) => {
    await socket.readable.cancel();
    await socket.writable.close();
    assert.equal(await guest.receiveAny(1), null);
    // Nobody takes what comes now, and the system says so.
    const sending = (async () => {
      for (;;) await guest.send(new Uint8Array(100_000));
    })();
    assert.ok(["reset", "closed"].includes((await caught(sending) as CoreError).code));
  });
});

test("aborting writable cuts the connection off", async () => {
  await withSocket({}, async (socket, guest) => {
    const reading = socket.readable.getReader().read();
    await socket.writable.abort(new Error("no more"));
    assert.equal((await reading).done, true);
    await socket.closed;
    const received = guest.receiveAny(1).catch((error) => error.code);
    assert.ok([null, "reset"].includes(await received as string | null));
  });
});

test("aborting writable cuts off a write under way, and resolves closed", async () => {
  await withSocket({}, async (socket, guest) => {
    const reading = socket.readable.getReader().read();
    const writer = socket.writable.getWriter();
    const large = new Uint8Array(50_000_000);
    const writing = failure(writer.write(large), "aborted");
    await guest.receiveExactly(1);
    await Promise.all([writing, writer.abort()]);
    assert.equal((await reading).done, true);
    assert.equal(await socket.closed, undefined);
    const rest = await guest.receiveAll({ maxBytes: Infinity }).catch((error) => error.partial);
    assert.ok(rest.length < large.length - 1);
  });
});

test("aborting writable before there is a connection waits for it, and cuts it off", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = connect({ hostname: "127.0.0.1", port });
    const aborting = socket.writable.abort();
    const guest = await accept();
    await Promise.all([aborting, socket.opened, socket.closed]);
    assert.ok([null, "reset"].includes(await guest.receiveAny(1).catch((error) => error.code)));
  });
});

test("aborting or canceling the streams of what could not be opened is fine", async () => {
  const gone = await listen("127.0.0.1:0");
  const { address } = gone;
  await gone.close();
  const ends: ((socket: Socket) => Promise<void>)[] = [
    ({ writable }) => writable.abort(),
    ({ readable }) => readable.cancel(),
  ];
  for (const end of ends) {
    const socket = connect(address as { hostname: string; port: number });
    const ending = end(socket);
    const error = await failure(socket.closed, "refused");
    assert.equal(await caught(socket.opened), error);
    await ending;
  }
});

test("canceling readable before there is a connection leaves writable as it is", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = connect({ hostname: "127.0.0.1", port });
    await socket.readable.cancel();
    const writing = socket.writable.getWriter().write("still there\n");
    const guest = await accept();
    assert.equal(await guest.receiveLine(), "still there");
    await Promise.all([writing, socket.opened]);
    await socket.close();
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("close() waits for no write that was refused or that failed", async () => {
  await withSocket({ allowHalfOpen: true }, async (socket) => {
    const writer = socket.writable.getWriter();
    const refused = [writer.close(), writer.write("x")].map(caught);
    await socket.close();
    assert.ok((await Promise.all(refused))[1] instanceof TypeError);
  });
  await withSocket({}, async (socket) => {
    const writer = socket.writable.getWriter();
    const failed = [writer.write(7 as unknown as string), writer.write("x")].map(caught);
    await socket.close();
    await Promise.all(failed);
  });
});

test("a write under way is given up when writable is aborted during close()", async () => {
  await withSocket({}, async (socket, guest) => {
    const writer = socket.writable.getWriter();
    const failed = failure(writer.write(new Uint8Array(50_000_000)), "aborted");
    await guest.receiveExactly(1);
    const closed = socket.close();
    await Promise.all([failed, caught(writer.abort()), closed]);
  });
});

test("a reset fails what is read and written, and resolves closed", async () => {
  const peer = remotePeer();
  const socket = connect(peer.listen({ hostname: "127.0.0.1", port: 0 }) as AnySocketAddress);
  await socket.opened;
  const far = peer.accept();
  const reading = socket.readable.getReader().read();
  const writer = socket.writable.getWriter();
  far.reset();
  await failure(reading, "reset");
  assert.equal(await socket.closed, undefined);
  await failure(writer.write(bytes("x")), "reset");
});

test("a write that fails ends the socket, whether or not somebody reads", async () => {
  const peer = remotePeer();
  const address = peer.listen({ hostname: "127.0.0.1", port: 0 }) as AnySocketAddress;
  // What is cut short must not look like the peer's end.
  const uses: ((socket: Socket) => Promise<unknown>)[] = [
    ({ readable }) => failure(readable.getReader().read()),
    ({ readable, closed }) => caught(closed).then(() => failure(readable.getReader().read())),
    ({ readable }) => readable.cancel(),
  ];
  for (const use of uses) {
    const socket = connect(address, { allowHalfOpen: true });
    await socket.opened;
    const far = peer.accept();
    const used = use(socket);
    const writer = socket.writable.getWriter();
    far.reset();
    let error: SocketError | undefined;
    while (error === undefined) {
      error = await caught(writer.write(new Uint8Array(100_000))) as SocketError | undefined;
    }
    assert.ok(error instanceof SocketError, String(error));
    const why = await caught(socket.closed);
    // Whoever heard of it first tells its error; a reset is none.
    assert.ok(why === undefined || why instanceof SocketError, String(why));
    await used;
    assert.equal(await caught(socket.close()), why);
  }
});

test("readable takes readers that bring their own memory, and those that do not", async () => {
  await withSocket({}, async (socket, guest) => {
    await guest.send("abcdefgh");
    const byob = socket.readable.getReader({ mode: "byob" });
    let seen = "";
    while (seen.length < 6) {
      const { value } = await byob.read(new Uint8Array(2));
      assert.ok(value!.length <= 2);
      seen += text(value!);
    }
    byob.releaseLock();
    const reader = socket.readable.getReader();
    while (seen.length < 8) seen += text((await reader.read()).value!);
    assert.equal(seen, "abcdefgh");
    await socket.close();
  });
});

test("large things go both ways at once, piped", async () => {
  await withSocket({ allowHalfOpen: true }, async (socket, guest) => {
    const echoed = guest.readable.pipeTo(guest.writable);
    const large = new Uint8Array(2_000_000).map((_, at) => at * 7 + (at >> 8));
    const source = new Blob([large]).stream();
    const [back] = await Promise.all([
      new Response(socket.readable).arrayBuffer(),
      source.pipeTo(socket.writable),
      echoed,
    ]);
    assert.deepEqual(new Uint8Array(back), large);
    await socket.close();
  });
});

test("writable takes bytes in any form, and text", async () => {
  await withSocket({}, async (socket, guest) => {
    const writer = socket.writable.getWriter();
    const { buffer } = bytes("-buffer-");
    await writer.write("t\u00e9xt");
    await writer.write(bytes("-bytes"));
    await writer.write(buffer);
    await writer.write(new DataView(buffer, 1, 3));
    assert.equal(text(await guest.receiveExactly(22)), "t\u00e9xt-bytes-buffer-buf");
    const error = await failure(writer.write(7 as unknown as string));
    assert.match(error.message, /a chunk must be bytes or text/);
    // What it was part of cannot be sent whole any more.
    assert.equal(await caught(socket.closed), error);
    assert.equal(await guest.receiveAny(1), null);
  });
});

test("TLS begins at once, and opened waits for it and tells the protocol", async () => {
  await withPeer({ tls: { ...localhost, alpnProtocols: ["b", "a"] } }, async (peer) => {
    const socket = trusting.connect(`localhost:${peer.port}`, {
      secureTransport: "on",
      alpn: ["a", "b"],
    });
    const [info, guest] = await Promise.all([socket.opened, peer.accept()]);
    assert.equal(info.alpn, guest.tls!.alpnProtocol);
    assert.ok(["a", "b"].includes(info.alpn!));
    await converse(socket, guest);
    const error = thrown(() => socket.startTls());
    assert.match(error.message, /^SocketError: Cannot startTls on a TLS socket/);
    await socket.close();
  });
});

test("sni is the name that is asked for, and that the certificate must have", async () => {
  await withPeer({ tls: { ...localhost, sni: { "test.example": good } } }, async (peer) => {
    const open = (sni: string | null) =>
      trusting.connect({ hostname: "127.0.0.1", port: peer.port }, { secureTransport: "on", sni });
    const named = open("test.example");
    const [guest] = await Promise.all([peer.accept(), named.opened]);
    assert.equal(guest.tls!.serverName, "test.example");
    await converse(named, guest);
    await named.close();
    const unnamed = open(null);
    await Promise.all([peer.accept(), unnamed.opened]);
    await unnamed.close();
    peer.accept();
    await failure(open("other.example").opened, "tls");
  });
});

test("who is not trusted is an error of opened, closed and the streams", async () => {
  await withPeer({ tls: localhost }, async ({ port, accept }) => {
    // Nobody comes.
    accept();
    const socket = connect(`localhost:${port}`, { secureTransport: "on" });
    const error = await failure(socket.opened, "tls");
    assert.equal(await caught(socket.closed), error);
    assert.equal(await caught(socket.readable.getReader().read()), error);
    assert.equal(await caught(socket.writable.getWriter().write("x")), error);
  });
});

test("startTls gives a socket that has the connection; the old one is closed", async () => {
  await withStartTls(async (socket, guest) => {
    await say(socket, "STARTTLS\n", guest);
    const [secure, theirs] = [socket.startTls(), guest.startTls(localhost)];
    assert.deepEqual([socket.upgraded, secure.upgraded], [true, false]);
    assert.equal(secure.secureTransport, "on");
    assert.notEqual(secure.readable, socket.readable);
    await Promise.all([theirs, secure.opened, socket.closed]);
    await converse(secure, guest);
    assert.equal((await socket.readable.getReader().read()).done, true);
    await failure(socket.writable.getWriter().write("x"));
    assert.match(thrown(() => socket.startTls()).message, /it was called before/);
    assert.match(thrown(() => secure.startTls()).message, /on a TLS socket/);
    // The old one has nothing to close any more.
    await socket.close();
    await converse(secure, guest);
    await secure.close();
  });
});

test("startTls works on streams that are locked, and ends a read under way", async () => {
  await withStartTls(async (socket, guest) => {
    await say(socket, "STARTTLS\n", guest);
    const reading = socket.readable.getReader().read();
    const writer = socket.writable.getWriter();
    await turns();
    const secure = socket.startTls();
    await Promise.all([guest.startTls(localhost), secure.opened]);
    assert.equal((await reading).done, true);
    await failure(writer.write("x"));
    await converse(secure, guest);
    await secure.close();
  });
});

test("startTls sends what was written before it", async () => {
  await withStartTls(async (socket, guest) => {
    const writer = socket.writable.getWriter();
    const large = "a".repeat(2_000_000);
    const written = [writer.write(large), writer.write("STARTTLS\n")];
    const secure = socket.startTls();
    assert.equal(await guest.receiveLine(), `${large}STARTTLS`);
    await Promise.all([guest.startTls(localhost), secure.opened, ...written]);
    await converse(secure, guest);
    await secure.close();
  });
});

test("what is done to the old streams once startTls was called does nothing", async () => {
  const calls: ((socket: Socket) => Promise<void>[])[] = [
    ({ writable }) => [writable.close()],
    ({ writable }) => [writable.getWriter().write("late\n")],
    ({ readable }) => [readable.cancel()],
    ({ readable, writable }) => [readable.cancel(), writable.close()],
    ({ readable, writable }) => [writable.close(), readable.cancel()],
  ];
  for (const call of calls) {
    await withStartTls(async (socket, guest) => {
      await turns();
      const secure = socket.startTls();
      const late = call(socket).map(caught);
      await Promise.all([guest.startTls(localhost), secure.opened, ...late]);
      await converse(secure, guest);
      await secure.close();
    });
  }
});

test("nor does it while what was written before is still being sent", async () => {
  await withStartTls(async (socket, guest) => {
    const writer = socket.writable.getWriter();
    writer.write("a".repeat(2_000_000));
    writer.write("STARTTLS\n");
    const secure = socket.startTls();
    const late = [caught(writer.close()), caught(writer.write("late\n"))];
    assert.match(await guest.receiveLine(), /^a+STARTTLS$/);
    await Promise.all([guest.startTls(localhost), secure.opened, ...late]);
    await caught(socket.readable.cancel());
    await converse(secure, guest);
    await secure.close();
  });
});

test("startTls can be called before there is a connection", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = trusting.connect(`localhost:${port}`, { secureTransport: "starttls" });
    const secure = socket.startTls();
    const guest = await accept();
    await Promise.all([guest.startTls(localhost), secure.opened, socket.opened, socket.closed]);
    await converse(secure, guest);
    await secure.close();
  });
});

test("startTls waits for no write that was dropped", async () => {
  await withPeer({}, async ({ port, accept }) => {
    const socket = trusting.connect(`localhost:${port}`, { secureTransport: "starttls" });
    const writer = socket.writable.getWriter();
    const dropped = caught(writer.write("dropped"));
    const secure = socket.startTls();
    const reason = new Error("no more");
    const aborted = caught(writer.abort(reason));
    const guest = await accept();
    await Promise.all([guest.startTls(localhost), secure.opened, aborted]);
    assert.equal(await dropped, reason);
    await converse(secure, guest);
    await secure.close();
  });
});

test("startTls fails if the connection breaks before all was sent", async () => {
  const peer = remotePeer();
  const address = peer.listen({ hostname: "127.0.0.1", port: 0 }) as AnySocketAddress;
  const socket = connect(address, { secureTransport: "starttls" });
  await socket.opened;
  const far = peer.accept();
  // It fails, or ends with the socket: the write may be the first that hears of it.
  const reading = caught(socket.readable.getReader().read());
  const writing = failure(socket.writable.getWriter().write(new Uint8Array(50_000_000)));
  await turns();
  const secure = socket.startTls();
  far.reset();
  await Promise.all([reading, writing, socket.closed]);
  const { code } = (await failure(secure.opened)).cause as CoreError;
  assert.ok(code === "reset" || code === "closed", code);
});

test("startTls is for sockets that were opened for it, and are open", async () => {
  await withSocket({}, async (socket) => {
    assert.match(thrown(() => socket.startTls()).message, /secureTransport must be "starttls"/);
    await socket.close();
  });
  await withSocket({ secureTransport: "starttls" }, async (socket) => {
    await socket.close();
    assert.match(thrown(() => socket.startTls()).message, /the socket was closed/);
    assert.throws(() => socket.startTls(null as unknown as object), /options must be an object/);
    assert.equal(socket.upgraded, false);
  });
});

test("plain bytes that lie unread when TLS starts fail it, and are never read", async () => {
  await withStartTls(async (socket, guest) => {
    await guest.send("go\nplanted\n");
    const reader = socket.readable.getReader({ mode: "byob" });
    assert.equal(text((await reader.read(new Uint8Array(3))).value!), "go\n");
    const secure = socket.startTls();
    const error = await failure(secure.opened, "tls");
    assert.match(error.message, /plain bytes lie unread/);
    assert.equal(await caught(secure.closed), error);
    assert.equal(await caught(secure.readable.getReader().read()), error);
    assert.equal((await reader.read(new Uint8Array(9))).done, true);
    assert.equal(await guest.receiveAny(1).catch(() => null), null);
  });
});

test("so do those that a reader asked for and did not wait for", async () => {
  await withStartTls(async (socket, guest) => {
    const reader = socket.readable.getReader();
    const reading = caught(reader.read());
    await turns();
    reader.releaseLock();
    await reading;
    await guest.send("planted\n");
    // They are in the stream by the time that somebody else would get them.
    await until(() => guest.bytesWritten === 8);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const secure = socket.startTls();
    assert.match((await failure(secure.opened)).message, /plain bytes lie unread/);
    await failure(secure.closed);
    assert.equal(await guest.receiveAny(1).catch(() => null), null);
  });
});

test("a handshake that fails fails the new socket alone", async () => {
  await withStartTls(async (socket, guest) => {
    const secure = socket.startTls({ expectedServerHostname: "other.example" });
    guest.startTls(localhost).catch(() => {});
    const error = await failure(secure.opened, "tls");
    assert.equal(await caught(secure.closed), error);
    assert.equal(await socket.closed, undefined);
  });
});

test("expectedServerHostname is the name that the certificate must have", async () => {
  await withStartTls(async (socket, guest) => {
    const secure = socket.startTls({ expectedServerHostname: "test.example" });
    await Promise.all([guest.startTls(good), secure.opened]);
    await converse(secure, guest);
    await secure.close();
  });
});

test("close() gives a handshake up", async () => {
  await withStartTls(async (socket, guest) => {
    const secure = socket.startTls();
    // The beginning of the handshake: nobody will answer it.
    assert.ok(await guest.waitReadable());
    const reason = new Error("enough");
    await secure.close(reason);
    assert.equal(await caught(secure.opened), reason);
    assert.ok((await guest.receiveAll().catch((error) => error.partial)).length > 0);
  });
});

test("close() of the new socket gives up what the old one is still connecting", async () => {
  const address = { hostname: "127.0.0.1", port: remotePeer().blackHole() };
  const socket = connect(address, { secureTransport: "starttls" });
  const secure = socket.startTls();
  const reason = new Error("enough");
  await secure.close(reason);
  assert.equal(await caught(secure.opened), reason);
  const error = await failure(socket.opened, "aborted");
  assert.equal(await caught(socket.closed), error);
});

test("close() of the new socket gives up what the old one is still sending", async () => {
  for (const isAtOnce of [true, false]) {
    await withStartTls(async (socket, guest) => {
      const large = new Uint8Array(50_000_000);
      const failed = failure(socket.writable.getWriter().write(large));
      await guest.receiveExactly(1);
      const secure = socket.startTls();
      if (!isAtOnce) await turns();
      await secure.close();
      const rest = await guest.receiveAll({ maxBytes: Infinity }).catch((error) => error.partial);
      assert.ok(rest.length < large.length - 1);
      await Promise.all([failed, socket.closed]);
    });
  }
});

test("TLS that is cut off is an error of what is read, and of closed", async () => {
  await withStartTls(async (socket, guest) => {
    const secure = socket.startTls();
    await Promise.all([guest.startTls(localhost), secure.opened]);
    const reading = secure.readable.getReader().read();
    await turns();
    guest.abort();
    const error = await failure(reading);
    const { code } = error.cause as CoreError;
    assert.ok(code === "closed" || code === "reset", code);
    assert.equal(await caught(secure.closed), code === "reset" ? undefined : error);
  });
});

test("createSockets() has settings that the API has no options for", async () => {
  assert.throws(() => createSockets({ timeoutMs: -1 }), RangeError);
  const asked: string[] = [];
  await withPeer({}, async ({ port, accept }) => {
    const { connect } = createSockets({
      lookup: (hostname) => {
        asked.push(hostname);
        return Promise.resolve(["127.0.0.1"]);
      },
    });
    const socket = connect(`db.example:${port}`);
    await Promise.all([accept(), socket.opened]);
    await socket.close();
  });
  assert.deepEqual(asked, ["db.example"]);
});

interface Peer {
  readonly port: number;
  accept(): Promise<Cosocket>;
}

async function withPeer(
  options: ListenerOptions,
  work: (peer: Peer) => Promise<void>,
): Promise<void> {
  const server = await listen("127.0.0.1:0", options);
  const guests: Cosocket[] = [];
  const accept = async () => {
    const guest = await server.accept();
    if (guest !== null) guests.push(guest);
    return guest!;
  };
  try {
    await work({ port: (server.address as { port: number }).port, accept });
  } finally {
    for (const guest of guests) guest.close();
    await server.close();
  }
}

/** An open socket, and its peer. */
function withSocket(
  options: SocketOptions,
  work: (socket: Socket, guest: Cosocket) => Promise<void>,
): Promise<void> {
  return withPeer({}, async ({ port, accept }) => {
    const socket = trusting.connect(`localhost:${port}`, options);
    const [guest] = await Promise.all([accept(), socket.opened]);
    await work(socket, guest);
  });
}

function withStartTls(work: (socket: Socket, guest: Cosocket) => Promise<void>): Promise<void> {
  return withSocket({ secureTransport: "starttls" }, work);
}

/** Starts a read of larger elements, which has the first byte of one. */
async function partRead(
  socket: Socket,
  guest: Cosocket,
): Promise<{ failing: Promise<unknown> }> {
  const reader = socket.readable.getReader({ mode: "byob" });
  await guest.send("whole");
  assert.equal((await reader.read(new Uint32Array(4))).value!.length, 1);
  return { failing: caught(reader.read(new Uint32Array(4))) };
}

/** Says a line, which the peer answers in kind. */
async function converse(socket: Socket, guest: Cosocket): Promise<void> {
  await say(socket, "hello\n", guest);
  await guest.send("hello, too\n");
  const reader = socket.readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  assert.equal(text(value!), "hello, too\n");
}

async function say(socket: Socket, line: string, guest: Cosocket): Promise<void> {
  const writer = socket.writable.getWriter();
  await writer.write(line);
  writer.releaseLock();
  assert.equal(await guest.receiveLine(), line.trimEnd());
}

async function failure(work: Promise<unknown>, code?: SocketErrorCode): Promise<SocketError> {
  const error = await caught(work);
  assert.ok(error instanceof SocketError, String(error));
  assert.match(error.message, /^SocketError: ./);
  if (code !== undefined) assert.equal((error.cause as CoreError).code, code, error.message);
  return error;
}

/** What it rejects with; `undefined` if it does not. */
function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (error) => error);
}

function thrown(call: () => unknown): SocketError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof SocketError);
    return error;
  }
  throw new Error("It threw nothing");
}

function watched(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function bytes(of: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(of);
}

function text(of: Uint8Array): string {
  return new TextDecoder().decode(of);
}
