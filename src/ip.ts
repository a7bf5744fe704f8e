/** 4 or 6 for an address literal, 0 for a name. */
export function ipFamily(hostname: string): 0 | 4 | 6 {
  if (hostname.includes(":")) return 6;
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) ? 4 : 0;
}
