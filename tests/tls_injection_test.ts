// What is said in plain, before TLS or right where it begins, never comes out of
// the socket behind it, as if TLS had protected it: whoever can write on the wire
// could plant a command or an answer there. The upgrade fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { connect } from "../src/cosocket.ts";
import { listen } from "../src/listener.ts";
import type { TlsOptions, TlsServerOptions } from "../src/tls.ts";
import type { Transport } from "../src/transport.ts";
import { cutAt } from "./helpers/cuts.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { nativeDriver, TCP4 } from "./helpers/native_pairs.ts";
import { CLIENT, SERVER } from "./helpers/tls_pairs.ts";
import { CLIENT_PATHS, type Ends, farTls, ourOptions, type Path } from "./helpers/tls_paths.ts";
import { SERVER_PATHS } from "./helpers/tls_paths.ts";

const MARK = "PLANTED";
const GO = text("go\r\n");

/** What somebody plants. */
const plants: Readonly<Record<string, Uint8Array>> = {
  "a line": text(`${MARK}\r\n`),
  "a byte": text("P"),
  "a record of TLS, not encrypted": Uint8Array.of(23, 3, 3, 0, MARK.length, ...text(MARK)),
};

/** When it comes; `hand` is TLS at the far end, which begins once `planted` is called. */
const times: Readonly<Record<string, (ends: Ends, plant: Uint8Array) => Promise<void>>> = {
  "in one piece with the word to go": async ({ far }, plant) => {
    await far.write(joined(GO, plant));
  },
  "in a piece of its own behind the word to go": async ({ far }, plant) => {
    await far.write(GO);
    await far.write(plant);
  },
  "when the word to go was read": async ({ far, sock }, plant) => {
    await far.write(GO);
    await sock.peek(GO.length);
    await far.write(plant);
  },
};

const sni = { "other.example": SERVER };

const paths: readonly (Path & { options?: TlsOptions & TlsServerOptions })[] = [
  ...CLIENT_PATHS,
  ...SERVER_PATHS,
  ...SERVER_PATHS.map((it) => ({
    ...it,
    name: `${it.name}, with certificates by name`,
    options: { ...SERVER, sni },
  })),
];

for (const path of paths) {
  const options = path.options ?? ourOptions(path);

  for (const [time, send] of Object.entries(times)) {
    for (const [what, plant] of Object.entries(plants)) {
      test(`${path.name}: ${what} ${time} ends the upgrade`, async () => {
        const ends = await path.open();
        const { sock, far } = ends;
        await send(ends, plant);
        assert.equal(await sock.receiveLine(), "go");
        const peer = farTls(path, far).catch(ignore);
        await refused(sock, sock.startTls(options));
        far.close();
        await peer;
      });
    }
  }

  for (const [what, plant] of Object.entries(plants)) {
    test(`${path.name}: ${what} right before the handshake's first bytes ends it`, async () => {
      const { sock, far } = await path.open();
      const upgrade = refused(sock, sock.startTls(options));
      // A client has spoken then; a server waits.
      const hello = path.side === "client" ? (await far.pull())!.slice() : undefined;
      await turns();
      await far.write(plant);
      const peer = shakeHands(path, far, hello);
      await upgrade;
      far.close();
      await peer;
    });
  }

  test(`${path.name}: a planted line ends the upgrade, wherever it is cut`, async () => {
    const whole = joined(GO, plants["a line"]!);
    for (let at = 1; at < whole.length; at++) {
      const { sock, far } = await path.open();
      const [first, second] = cutAt(whole, [at]);
      await far.write(first!);
      const upgrade = sock.receiveLine().then(() => refused(sock, sock.startTls(options)));
      await turns();
      // It may be over by now.
      await far.write(second!).catch(ignore);
      const peer = farTls(path, far).catch(ignore);
      await upgrade;
      far.close();
      await peer;
    }
  });

  test(`${path.name}: where nothing is planted the upgrade goes well, wherever it is cut`, async () => {
    for (let at = 1; at < GO.length; at++) {
      const { sock, far } = await path.open();
      const [first, second] = cutAt(GO, [at]);
      await far.write(first!);
      const upgrade = sock.receiveLine().then(() => sock.send("yes\n"))
        .then(() => sock.startTls(options));
      await turns();
      await far.write(second!);
      await far.pull();
      const [peer] = await Promise.all([farTls(path, far), upgrade]);
      await peer.write(text("behind it\n"));
      assert.equal(await sock.receiveLine(), "behind it");
      sock.close();
      peer.close();
    }
  });
}

for (const path of paths.filter((it) => it.side === "server")) {
  test(`${path.name}: a client's hello that came before startTls() is nothing planted`, async () => {
    const { sock, far } = await path.open();
    await far.write(GO);
    await sock.receiveLine();
    await sock.send("yes\n");
    await far.pull();
    const peer = farTls(path, far);
    // As long as the program does something else; the hello comes meanwhile.
    for (let wait = 0; wait < 20; wait++) await turns();
    await Promise.all([sock.startTls(path.options ?? ourOptions(path)), peer]);
    sock.close();
    (await peer).close();
  });
}

for (const [what, plant] of Object.entries(plants)) {
  test(`connect() with TLS fails by ${what} that comes before the handshake`, async () => {
    const driver = await nativeDriver();
    const acceptor = await driver.listen(TCP4.address(), {
      backlog: 1,
      maxPending: 1,
      noDelay: true,
    });
    const connecting = failureOf(connect(acceptor.address, { tls: CLIENT }), "tls");
    const far = (await acceptor.accept())!;
    await far.write(plant);
    const peer = farTls({ side: "client" }, far).catch(ignore);
    unmarked(await connecting);
    acceptor.close();
    far.close();
    await peer;
  });

  test(`listen() with TLS accepts nobody who sends ${what} before the handshake`, async () => {
    const driver = await nativeDriver();
    const listener = await listen("127.0.0.1:0", { tls: SERVER });
    const accepting = listener.accept();
    const how = { noDelay: true, keepAliveMs: 0 };
    const bad = await driver.connect(listener.address, how).opened;
    await bad.write(plant);
    await assert.rejects(farTls({ side: "server" }, bad));
    const good = await connect(listener.address, { tls: CLIENT });
    await good.send("good\n");
    const sock = (await accepting)!;
    assert.equal(await sock.receiveLine(), "good");
    sock.close();
    good.close();
    await listener.close();
  });
}

/** The upgrade fails, and nothing can be read. */
async function refused(sock: Ends["sock"], upgrade: Promise<unknown>): Promise<void> {
  unmarked(await failureOf(upgrade, "tls"));
  assert.equal(sock.tls, null);
  const { partial } = await failureOf(sock.receiveAny(1000), "closed");
  assert.equal(partial?.length ?? 0, 0);
  await failureOf(sock.send("x"), "closed");
}

/** What the peer said is not repeated. */
function unmarked(error: Error): void {
  for (let it: unknown = error; it instanceof Error; it = it.cause) {
    assert.ok(!`${it.stack} ${it.message}`.includes(MARK), it.message);
  }
}

/** TLS at the far end; `hello` is what a server has read of it already. */
async function shakeHands(path: Path, far: Transport, hello?: Uint8Array): Promise<void> {
  const { secureServer } = await import("../src/drivers/secure.ts");
  const { serverTls } = await import("../src/tls.ts");
  if (hello === undefined) return void await farTls(path, far, CLIENT).catch(ignore);
  const secure = await secureServer(serverTls(SERVER));
  await secure(far, [Promise.resolve(hello)]).opened.catch(ignore);
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((done) => void setImmediate(done));
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  return Uint8Array.of(...one, ...other);
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

function ignore(): void {}
