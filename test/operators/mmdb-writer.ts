/** Writes MaxMind DB files, format 2.0 (maxmind.github.io/MaxMind-DB): as much of it as tests need. */

import { isIPv4 } from 'node:net';

export type Data = string | number | boolean | readonly Data[] | { readonly [key: string]: Data };

const TYPE = { text: 2, double: 3, uint32: 6, map: 7, array: 11, boolean: 14 } as const;
const SEPARATOR = 16;

function control(type: number, size: number): Buffer {
  const [first, ...more] =
    size < 29 ? [size] : size < 285 ? [29, size - 29] : [30, (size - 285) >> 8, (size - 285) & 255];
  return type < 8
    ? Buffer.from([(type << 5) | (first as number), ...more])
    : Buffer.from([first as number, type - 7, ...more]);
}

function encode(value: Data): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(TYPE.text, bytes.length), bytes]);
  }
  if (typeof value === 'boolean') return control(TYPE.boolean, value ? 1 : 0);
  if (typeof value === 'number') {
    const whole = Number.isInteger(value) && value >= 0;
    const bytes = Buffer.alloc(whole ? 4 : 8);
    if (whole) bytes.writeUInt32BE(value);
    else bytes.writeDoubleBE(value);
    return Buffer.concat([control(whole ? TYPE.uint32 : TYPE.double, bytes.length), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(TYPE.array, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    control(TYPE.map, entries.length),
    ...entries.flatMap(([key, each]) => [encode(key), encode(each)]),
  ]);
}

/** The bits of the first `length` of an address; IPv4 lies in ::/96. */
function bitsOf(network: string): number[] {
  const [address = '', length] = network.split('/');
  const four = isIPv4(address);
  const bytes = four ? [...new Array(12).fill(0), ...address.split('.').map(Number)] : sixteen(address);
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> (7 - bit)) & 1));
  return bits.slice(0, Number(length) + (four ? 96 : 0));
}

function sixteen(address: string): number[] {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [first, last] = [groups(head), groups(tail)];
  const all = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  return all.flatMap((group) => [group >> 8, group & 255]);
}

type Node = [Branch, Branch];
type Branch = Node | number | undefined;

/** A file of networks, none inside another, with a record each; `built` in seconds since the epoch. */
export function mmdb(networks: Readonly<Record<string, Data>>, type = 'Test-City', built = 1_760_000_000): Buffer {
  const records: Buffer[] = [];
  let offset = 0;
  const root: Node = [undefined, undefined];
  for (const [network, record] of Object.entries(networks)) {
    const bytes = encode(record);
    let node = root;
    const bits = bitsOf(network);
    for (const bit of bits.slice(0, -1)) {
      node[bit] ??= [undefined, undefined];
      node = node[bit] as Node;
    }
    node[bits.at(-1) as number] = offset;
    offset += bytes.length;
    records.push(bytes);
  }
  const nodes: Node[] = [];
  const number = (node: Node) => {
    nodes.push(node);
    for (const branch of node) if (Array.isArray(branch)) number(branch);
  };
  number(root);
  const indexOf = new Map(nodes.map((node, index) => [node, index]));
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, node] of nodes.entries()) {
    for (const [side, branch] of node.entries()) {
      const value = Array.isArray(branch)
        ? (indexOf.get(branch) as number)
        : nodes.length + (branch === undefined ? 0 : SEPARATOR + branch);
      tree.writeUIntBE(value, index * 6 + side * 3, 3);
    }
  }
  const metadata = {
    ...{ binary_format_major_version: 2, binary_format_minor_version: 0, build_epoch: built, database_type: type },
    ...{
      description: { en: 'for tests' },
      ip_version: 6,
      languages: ['en'],
      node_count: nodes.length,
      record_size: 24,
    },
  };
  const marker = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');
  return Buffer.concat([tree, Buffer.alloc(SEPARATOR), ...records, marker, encode(metadata)]);
}
