// Names of services, as a system's `/etc/services` has them: no runtime reads it.

const PORTS: Readonly<Record<string, number>> = {
  echo: 7,
  discard: 9,
  daytime: 13,
  chargen: 19,
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  time: 37,
  whois: 43,
  domain: 53,
  tftp: 69,
  gopher: 70,
  finger: 79,
  http: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  nntp: 119,
  ntp: 123,
  imap2: 143,
  snmp: 161,
  irc: 194,
  ldap: 389,
  https: 443,
  submissions: 465,
  syslog: 514,
  submission: 587,
  ldaps: 636,
  "domain-s": 853,
  imaps: 993,
  pop3s: 995,
  socks: 1080,
  openvpn: 1194,
  "ms-sql-s": 1433,
  mysql: 3306,
  postgresql: 5432,
  sip: 5060,
  "sip-tls": 5061,
  "xmpp-client": 5222,
  amqp: 5672,
  redis: 6379,
  "http-alt": 8080,
};

const ALIASES: Readonly<Record<string, string>> = {
  www: "http",
  mail: "smtp",
  "pop-3": "pop3",
  imap: "imap2",
  timserver: "time",
  nicname: "whois",
  sink: "discard",
  smtps: "submissions",
  ssmtp: "submissions",
  urd: "submissions",
  portmapper: "sunrpc",
  readnews: "nntp",
  postgres: "postgresql",
};

/** The port that a text stands for, as the C library reads it; `undefined` if none. */
export function portOf(service: string): number | undefined {
  if (service === "*") return 0;
  const number = /^[ \t-\r]*\+?(\d*)$/.exec(service);
  // The C library takes what has no room modulo 65536; that is no port anybody means.
  if (number !== null) return Number(number[1]) < 65536 ? Number(number[1]) : undefined;
  const name = Object.hasOwn(ALIASES, service) ? ALIASES[service]! : service;
  return Object.hasOwn(PORTS, name) ? PORTS[name] : undefined;
}

/** The name of the service at a port, or the port as text. */
export function serviceOf(port: number): string {
  const found = Object.entries(PORTS).find(([, it]) => it === port);
  return found?.[0] ?? String(port);
}
