// The spelling of all names is compared with the original's in
// luasocket_ltn12_conformance_test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { headers } from "../src/faces/luasocket/headers.ts";

test("canonic has the spelling of ninety-one names", () => {
  assert.equal(Object.keys(headers.canonic).length, 91);
  for (const [name, spelling] of Object.entries(headers.canonic)) {
    assert.equal(name, spelling.toLowerCase());
  }
});

test("canonic capitalizes the parts of most names", () => {
  assert.equal(headers.canonic["accept-charset"], "Accept-Charset");
  assert.equal(headers.canonic["x-mailer"], "X-Mailer");
  assert.equal(headers.canonic["host"], "Host");
});

test("canonic knows the names that are written otherwise", () => {
  const special = "Content-ID Content-MD5 DSN-Gateway ETag Final-Log-ID Message-ID MIME-Version " +
    "Original-Envelope-ID Received-From-MTA Remote-MTA Reporting-MTA Resent-Message-ID " +
    "SMTP-Remote-Recipient TE WWW-Authenticate";
  for (const name of special.split(" ")) {
    assert.equal(headers.canonic[name.toLowerCase()], name);
  }
});

test("canonic has no other names, and takes new ones", () => {
  assert.equal(headers.canonic["x-unknown"], undefined);
  assert.equal(headers.canonic["constructor"], undefined);
  headers.canonic["x-unknown"] = "X-UNKNOWN";
  assert.equal(headers.canonic["x-unknown"], "X-UNKNOWN");
  delete headers.canonic["x-unknown"];
});
