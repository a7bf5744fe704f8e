// How the names of header fields are written in HTTP and in mail.

/**
 * The module `socket.headers`.
 *
 * @example
 * ```ts
 * import { headers } from "@cosocket/cosocket/luasocket";
 *
 * headers.canonic["x-request-id"] = "X-Request-ID"; // one of our own
 * console.log(headers.canonic["content-md5"], headers.canonic["x-request-id"]);
 * ```
 */
export interface Headers {
  /** The spelling of a field's name, by the name in lower case; change it as you like. */
  canonic: Record<string, string>;
}

// Each part of these begins with a capital letter.
const PLAIN = `
  accept accept-charset accept-encoding accept-language accept-ranges action age allow
  alternate-recipient arrival-date authorization bcc cache-control cc comments connection
  content-description content-disposition content-encoding content-language content-length
  content-location content-range content-transfer-encoding content-type cookie date
  diagnostic-code expect expires final-recipient from host if-match if-modified-since
  if-none-match if-range if-unmodified-since in-reply-to keywords last-attempt-date
  last-modified location max-forwards original-recipient pragma proxy-authenticate
  proxy-authorization range received references referer reply-to resent-bcc resent-cc
  resent-date resent-from resent-reply-to resent-sender resent-to retry-after return-path sender
  server status subject to trailer transfer-encoding upgrade user-agent vary via warning
  will-retry-until x-mailer
`;

const SPECIAL = `
  Content-ID Content-MD5 DSN-Gateway ETag Final-Log-ID Message-ID MIME-Version
  Original-Envelope-ID Received-From-MTA Remote-MTA Reporting-MTA Resent-Message-ID
  SMTP-Remote-Recipient TE WWW-Authenticate
`;

/**
 * How the names of header fields are written.
 *
 * @example
 * ```ts
 * import { headers } from "@cosocket/cosocket/luasocket";
 *
 * const write = (name: string) => headers.canonic[name] ?? name;
 * if (write("etag") !== "ETag" || write("x-mine") !== "x-mine") throw new Error("No");
 * ```
 */
export const headers: Headers = { canonic: canonicNames() };

function canonicNames(): Record<string, string> {
  const names = PLAIN.replace(/[a-z]+/g, (part) => part[0]!.toUpperCase() + part.slice(1));
  const all = `${names}${SPECIAL}`.trim().split(/\s+/);
  return Object.assign(
    Object.create(null),
    Object.fromEntries(all.map((name) => [name.toLowerCase(), name])),
  );
}
