/** Internet addresses as text (RFC 5952) and as numbers, from the bytes of a record. */

export function ipv4(bytes: Uint8Array, start = 0): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

/** An IPv4 address as one unsigned number. */
export function ipv4Number(bytes: Uint8Array, start = 0): number {
  const [a, b, c, d] = [bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]] as [
    number,
    number,
    number,
    number,
  ];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** An IPv4 address inside an IPv6 one: `::ffff:a.b.c.d`. */
export function isMapped(bytes: Uint8Array, start = 0): boolean {
  for (let at = start; at < start + 10; at++) if (bytes[at] !== 0) return false;
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}

/** Sixteen bytes as an address is written (RFC 5952). */
export function ipv6(bytes: Uint8Array, start = 0): string {
  if (isMapped(bytes, start)) return `::ffff:${ipv4(bytes, start + 12)}`;
  const groups: string[] = [];
  for (let at = start; at < start + 16; at += 2)
    groups.push((((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16));
  const [from, to] = longestZeros(groups);
  if (to - from < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(to).join(':')}`;
}

function longestZeros(groups: readonly string[]): [from: number, to: number] {
  let best: [number, number] = [0, 0];
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === '0') to++;
    if (to - from > best[1] - best[0]) best = [from, to];
  }
  return best;
}
