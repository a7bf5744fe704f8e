import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsOf, type Scrape, Scraper } from "../../examples/scraper.ts";
import { certificates } from "../helpers/certificates.ts";
import { nginx, nginxServers } from "./recipes.ts";
import { runExample, runExampleIn } from "./run_example.ts";
import { missing, withServer } from "./start_server.ts";
import { trusting } from "./trusting.ts";

const skip = missing("nginx");
const { localhost, ca } = await certificates();

const METRICS = '# HELP jobs What is done.\njobs{kind="a"} 1\njobs{kind="b"} 2\n\nload 0.5\n';
const many = Array.from({ length: 20_000 }, (_, at) => `value{at="${at}"} ${at}\n`).join("");
const bytes = (text: string) => new TextEncoder().encode(text);
const recipe = nginx(
  `
  location = /metrics { alias files/few.txt; }
  # What goes through the filter for includes has no known length: it comes in chunks.
  location = /chunked { ssi on; ssi_types text/plain; default_type text/plain; alias files/many.txt; }
  location = /twice { keepalive_requests 2; alias files/few.txt; }
  location = /close { keepalive_timeout 0; alias files/few.txt; }
  location = /broken { return 500; }
  # A trickle: no timeout between two bytes would ever end it.
  location = /slow { limit_rate 1k; alias files/many.txt; }
  `,
  { "few.txt": bytes(METRICS), "many.txt": bytes(many) },
);

/** Runs a test with a scraper, against nginx. */
function scraperTest(name: string, work: (at: string, scraper: Scraper) => Promise<void>): void {
  test(name, { skip }, () =>
    withServer("TCP", recipe, async (at) => {
      const scraper = new Scraper({ timeoutMs: 10_000 });
      try {
        await work(at, scraper);
      } finally {
        scraper.close();
      }
    }));
}

/** What must be the same each time. */
function facts({ samples, reused, failure }: Scrape) {
  return { samples, reused, failure };
}

scraperTest("a target is asked on the same connection again and again", async (at, scraper) => {
  const found = [];
  for (let count = 0; count < 3; count++) found.push(facts(await scraper.scrape(at)));
  assert.deepEqual(found, [
    { samples: 3, reused: false, failure: undefined },
    { samples: 3, reused: true, failure: undefined },
    { samples: 3, reused: true, failure: undefined },
  ]);
});

scraperTest("metrics in chunks are all counted", async (at, scraper) => {
  const first = await scraper.scrape(`http://${at}/chunked`);
  const second = await scraper.scrape(`http://${at}/chunked`);
  assert.deepEqual([first.samples, second.samples], [20_000, 20_000]);
  assert.equal(second.reused, true);
});

scraperTest(
  "a server that ends a connection now and then is up all the time",
  async (at, scraper) => {
    for (const path of ["/twice", "/close"]) {
      const found = [];
      for (let count = 0; count < 5; count++) found.push(await scraper.scrape(`${at}${path}`));
      assert.deepEqual(
        found.map(({ failure, samples }) => [failure, samples]),
        Array(5).fill([undefined, 3]),
      );
    }
  },
);

scraperTest("a target that only trickles has no longer than others", async (at) => {
  const scraper = new Scraper({ timeoutMs: 300 });
  const slow = await scraper.scrape(`${at}/slow`);
  assert.equal(slow.failure, "It took more than 300 ms");
  // What still comes of that answer is nobody's: its connection was closed.
  assert.deepEqual(facts(await scraper.scrape(at)), {
    samples: 3,
    reused: false,
    failure: undefined,
  });
  scraper.close();
});

scraperTest(
  "a target that is down, or broken, spoils nobody else's scrape",
  async (at, scraper) => {
    const [up, broken, down] = await scraper.scrapeAll([at, `${at}/broken`, "127.0.0.1:1"]);
    assert.deepEqual(facts(up!), { samples: 3, reused: false, failure: undefined });
    assert.match(broken!.failure!, /500/);
    assert.match(down!.failure!, /nobody listens/);
    const lines = metricsOf([up!, down!]).split("\n");
    assert.ok(lines.includes(`up{instance="${at}"} 1`), lines.join("\n"));
    assert.ok(lines.includes(`scrape_samples_scraped{instance="${at}"} 3`), lines.join("\n"));
    assert.ok(lines.includes('up{instance="127.0.0.1:1"} 0'), lines.join("\n"));
  },
);

scraperTest("examples/scraper.ts runs by itself", async (at) => {
  const output = await runExample("scraper.ts", "--timeout", "5", at, `${at}/broken`);
  assert.match(output, /^up\{instance="[\d.:]+"\} 1\nscrape_duration_seconds\{.*\} 0\.\d{6}\n/);
  assert.match(output, /\nup\{instance="[\d.:]+\/broken"\} 0\n/);
});

test("examples/scraper.ts asks by TLS where the target is https", { skip }, () => {
  const tls = nginxServers(
    (place) =>
      `server {
        listen ${place} ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        location = /metrics { return 200 "up 1\n"; }
      }`,
    { "cert.pem": localhost.cert, "key.pem": localhost.key },
  );
  return withServer("TCP", tls, (at) =>
    trusting(ca.cert, async (env) => {
      const target = `https://localhost:${at.split(":")[1]}`;
      const output = await runExampleIn(env, "scraper.ts", target);
      assert.match(output, /^up\{.*\} 1\n/);
    }));
});
