/**
 * What checks of `fd.*` say of the socket that a call is about. An internet socket that has no other end, as one whose
 * connect failed, has no addresses and ports either; the kernel programs let pass what has none, whatever is asked of them.
 */

import type { Clause, EndProperty, Necessary, SocketKind } from '../../events/necessary.ts';
import { enumName } from '../../events/syscall/flags.ts';
import type { TypedCheck, TypedOperator } from '../check/typed-ast.ts';
import { valueTest } from '../judge/compile.ts';
import type { Constant } from '../values/constants.ts';
import { type Address, addressText, type Network, networkTest, parseAddress } from '../values/ip.ts';
import { OPENS } from './necessary-paths.ts';

type End = EndProperty['end'];

/** More addresses or ports than this are not looked for in the kernel. */
const MOST_VALUES = 1000;

const INTERNET: ReadonlySet<SocketKind> = new Set(['tcp', 'other_ip']);
/** The calls whose events are about a socket, if about a descriptor. */
export const SOCKET_CALLS: ReadonlySet<string> = new Set(
  'socket bind connect listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg'.split(' '),
);

const UNIX: ReadonlySet<SocketKind> = new Set(['unix']);
const NOT_INTERNET: ReadonlySet<SocketKind> = new Set(['unix', 'other']);

interface OfEnd {
  readonly end: End;
  readonly of: EndProperty['of'] | 'name';
}

/** Fields of the ends of internet sockets, which other sockets do not have. */
const ENDS: ReadonlyMap<string, OfEnd> = new Map([
  ['fd.ip', { end: 'either', of: 'address' }],
  ['fd.net', { end: 'either', of: 'address' }],
  ['fd.port', { end: 'either', of: 'port' }],
  ['fd.proto', { end: 'either', of: 'port' }],
  ...Object.entries({ c: 'client', s: 'server', l: 'local', r: 'remote' } as const).flatMap(
    ([letter, end]): [string, OfEnd][] => [
      [`fd.${letter}ip`, { end, of: 'address' }],
      [`fd.${letter}net`, { end, of: 'address' }],
      [`fd.${letter}port`, { end, of: 'port' }],
      [`fd.${letter}ip.name`, { end, of: 'name' }],
    ],
  ),
]);

/** What a check says of what a call is about; undefined: nothing that is known here. Every clause says which sockets. */
export function ofSocket(check: TypedCheck, type: string, negated: boolean): Necessary | undefined {
  if (check.left.kind !== 'field') return undefined;
  const field = check.left.ref.text;
  const end = ENDS.get(field);
  if (end !== undefined) return negated ? notOfEnd(end, check, type) : ofEnd(end, check, type);
  if (field === 'fd.l4proto' && (check.operator === '!=') !== negated) return notOfTcp(check, type);
  if (negated) return undefined;
  const kinds = ofKind(field, check, type);
  if (kinds === undefined) return undefined;
  // Of a connect that failed no transport is known.
  const results = field === 'fd.l4proto' ? connected(type) : {};
  return [{ sockets: kinds, ...results }];
}

type Words = ReadonlyMap<Constant, Iterable<SocketKind>>;

const words = (kinds: Readonly<Record<string, Iterable<SocketKind>>>): Words => new Map(Object.entries(kinds));

/** By field, the words that are said of sockets, and of which; another word is said of none of the internet or the machine. */
const WORDS: ReadonlyMap<string, Words> = new Map([
  ['fd.type', words({ ipv4: INTERNET, ipv6: INTERNET, unix: ['unix'] })],
  // A userfaultfd has the letter of unix sockets.
  ['fd.typechar', words({ 4: INTERNET, 6: INTERNET, u: ['unix', 'other'] })],
  ['fd.sockfamily', words({ ip: INTERNET, unix: ['unix'] })],
]);

const TRANSPORTS = words({ tcp: ['tcp'], udp: ['other_ip'], icmp: ['other_ip'], raw: ['other_ip'] });

function ofKind(field: string, check: TypedCheck, type: string): ReadonlySet<SocketKind> | undefined {
  const { operator, constants = [] } = check;
  if (isAllOf(check) || constants.length === 0) return undefined;
  const isEqual = operator === '=' || operator === 'in';
  const kindsBy = WORDS.get(field);
  if (kindsBy !== undefined) {
    return isEqual ? new Set(constants.flatMap((value) => [...(kindsBy.get(value) ?? ['other' as const])])) : undefined;
  }
  switch (field) {
    case 'fd.l4proto': {
      const kinds = constants.map((value) => TRANSPORTS.get(value));
      return isEqual && kinds.every((kind) => kind !== undefined)
        ? new Set(kinds.flatMap((kind) => [...kind]))
        : undefined;
    }
    case 'evt.arg.domain':
      return type === 'socket' ? ofDomain(check, constants) : undefined;
    case 'fd.name':
      return constants.every((value) => isNoAddress(operator, value)) ? NOT_INTERNET : undefined;
    case 'fd.realpath':
      return OPENS.has(type) ? undefined : SOCKET_CALLS.has(type) ? UNIX : NOT_INTERNET;
    default:
      return undefined;
  }
}

/** One constant is as good as any modifier; of several `oneof` and `anyof` are alternatives. */
const isAllOf = ({ modifier, constants }: TypedCheck) => modifier === 'allof' && constants?.length !== 1;

/** The families of sockets (socket(2)) that are told from others. */
const FAMILIES: readonly (readonly [number: number, kinds: Iterable<SocketKind>])[] = [
  [1, ['unix']],
  [2, INTERNET],
  [10, INTERNET],
];

/** A socket that could not be made is none; one that was made is of the family that was asked for. */
function ofDomain(check: TypedCheck, constants: readonly Constant[]): ReadonlySet<SocketKind> {
  const test = valueTest(check, constants);
  const isAsked = (family: number) => test(enumName('socket_families', family) ?? family) || test(family);
  return new Set(['other' as const, ...FAMILIES.flatMap(([family, kinds]) => (isAsked(family) ? [...kinds] : []))]);
}

const TEXTUAL: ReadonlySet<TypedOperator> = new Set(['=', 'in', 'contains', 'startswith', 'endswith']);

/** Whether no `fd.name` of an internet socket (`::1:40000->fd00::2:443`, never in brackets) can be, or have in it, that text. */
function isNoAddress(operator: TypedOperator, value: Constant): boolean {
  return TEXTUAL.has(operator) && typeof value === 'string' && /[^0-9a-f.:>-]/.test(value);
}

/** The results of a connect that has given its socket another end. */
function connected(type: string): Pick<Clause, 'results'> {
  return type === 'connect' ? { results: new Set(['ok', 'in_progress']) } : {};
}

const failed = (type: string, sockets = INTERNET): Necessary =>
  type === 'connect' ? [{ sockets, results: new Set(['failed']) }] : [];

function ofEnd({ end, of }: OfEnd, check: TypedCheck, type: string): Necessary {
  const property = of === 'name' ? undefined : propertyOf(endOf(end, type), of, check);
  const whole: Clause = {
    sockets: INTERNET,
    ...connected(type),
    ...(property === undefined ? {} : { ends: [property] }),
  };
  // Both ends of what has none are zeros.
  const zeros = end === 'either' && (property === undefined || isOfZeros(property)) ? failed(type) : [];
  return [...zeros, whole];
}

/** What is not TCP is another socket, or one of which no transport is known, since it has no other end. */
function notOfTcp({ operator, constants = [], modifier }: TypedCheck, type: string): Necessary | undefined {
  const isExcluded = (operator === '!=' || operator === '=' || operator === 'in') && constants.includes('tcp');
  if (!isExcluded || modifier !== undefined) return undefined;
  const sockets = new Set<SocketKind>(['tcp']);
  return [
    { sockets: new Set<SocketKind>(['other_ip', 'unix', 'other']) },
    ...failed(type, sockets),
    { sockets, ...connected(type), ends: [] },
  ];
}

/** A check of what is absent is false, and its negation true. Only of a connect is it known when that is so. */
function notOfEnd({ end, of }: OfEnd, check: TypedCheck, type: string): Necessary | undefined {
  if (type !== 'connect' || of === 'name' || (check.operator !== '=' && check.operator !== 'in')) return undefined;
  const property = propertyOf(endOf(end, type), of, check);
  if (property === undefined || property.end === 'local') return undefined;
  // Of neither end, so not of the other one.
  const outside: EndProperty = { ...property, end: 'remote', outside: true };
  return [{ sockets: NOT_INTERNET }, ...failed(type), { sockets: INTERNET, ...connected(type), ends: [outside] }];
}

/** Who connects is the client. */
function endOf(end: End, type: string): End {
  if (type !== 'connect') return end;
  return end === 'server' ? 'remote' : end === 'client' ? 'local' : end;
}

function propertyOf(end: End, of: EndProperty['of'], check: TypedCheck): EndProperty | undefined {
  const { operator, constants = [], modifier } = check;
  const isOutside = operator === '!=';
  if (
    constants.length === 0 ||
    constants.length > MOST_VALUES ||
    (modifier !== undefined && (isOutside || constants.length !== 1))
  )
    return undefined;
  const found = constants.map((constant) => (of === 'port' ? ports(operator, constant) : networks(operator, constant)));
  if (!found.every((value) => value !== undefined)) return undefined;
  const values = [...new Set(found)];
  // What neither end is, the other end is not.
  return isOutside ? { end: end === 'either' ? 'remote' : end, of, values, outside: true } : { end, of, values };
}

const isEquality = (operator: TypedOperator) => operator === '=' || operator === 'in' || operator === '!=';

function networks(operator: TypedOperator, constant: Constant): string | undefined {
  if (!isEquality(operator)) return undefined;
  if (typeof constant !== 'string' && (typeof constant !== 'object' || !('prefix' in constant))) return undefined;
  const network = typeof constant === 'string' ? networkOf(constant) : constant;
  if (network === undefined || hasMapped(network)) return undefined;
  const text = addressText(network.address);
  return network.prefix === bitsOf(network.address) ? text : `${text}/${network.prefix}`;
}

const bitsOf = (address: Address) => (typeof address === 'number' ? 32 : 128);

/** Reads a network, or an address, which is one of its own. */
function networkOf(text: string): Network | undefined {
  const [start = '', prefix] = text.split('/');
  const address = parseAddress(start);
  return address === undefined ? undefined : { address, prefix: Number(prefix ?? bitsOf(address)) };
}

/** The kernel programs take IPv4 for addresses of that network, which events show as IPv4. */
const MAPPED = '::ffff:0.0.0.0';
const MAPPED_BITS = 96;

const hasMapped = ({ address, prefix }: Network) =>
  typeof address !== 'number' && networkTest({ address, prefix: Math.min(prefix, MAPPED_BITS) })(MAPPED);

const MOST_PORT = 0xffff;

function ports(operator: TypedOperator, constant: Constant): string | undefined {
  if (typeof constant !== 'number') return undefined;
  if (isEquality(operator)) return `${constant}`;
  const ranges: Partial<Record<TypedOperator, readonly [first: number, last: number]>> = {
    '<': [0, constant - 1],
    '<=': [0, constant],
    '>': [constant + 1, MOST_PORT],
    '>=': [constant, MOST_PORT],
  };
  const range = ranges[operator];
  return range === undefined || range[0] > range[1] ? undefined : rangeText(range);
}

type Range = readonly [first: number, last: number];

const rangeText = ([first, last]: Range) => (first === last ? `${first}` : `${first}-${last}`);

function rangeOf(text: string): Range {
  const [first = 0, last = first] = text.split('-').map(Number);
  return [first, last];
}

/** Whether an end of zeros would be so. */
function isOfZeros({ of, values, outside }: EndProperty): boolean {
  if (outside) return true;
  if (of === 'port') return values.some((value) => rangeOf(value)[0] === 0);
  return values.some((value) => ['0.0.0.0', '::'].some(networkTest(networkOf(value) as Network)));
}

/** What two lists of alternatives, of which both hold, say of the ends: more than one of them where that is known. */
export function bothEnds(a: readonly EndProperty[], b: readonly EndProperty[]): readonly EndProperty[] | undefined {
  const [one, other] = [a[0], b[0]];
  if (a.length === 1 && b.length === 1 && one && other && one.end === other.end && one.of === other.of) {
    if (one.outside && other.outside) return [{ ...one, values: [...new Set([...one.values, ...other.values])] }];
    if (one.of === 'port' && !one.outside && !other.outside && one.end !== 'either') {
      const values = one.values.flatMap((value) => other.values.flatMap((second) => meeting(value, second)));
      return values.length === 0 ? undefined : [{ ...one, values: [...new Set(values)] }];
    }
  }
  return breadth(a) <= breadth(b) ? a : b;
}

function meeting(a: string, b: string): string[] {
  const [one, other] = [rangeOf(a), rangeOf(b)];
  const range: Range = [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
  return range[0] > range[1] ? [] : [rangeText(range)];
}

/** How much of the internet that is, roughly. */
function breadth(ends: readonly EndProperty[]): number {
  const each = ({ of, values, outside }: EndProperty) => {
    if (outside) return 100_000;
    if (of === 'address') return values.length;
    return values.reduce((sum, value) => sum + rangeOf(value)[1] - rangeOf(value)[0] + 1, 0);
  };
  return Math.max(...ends.map(each));
}

/** Alternatives of both lists: of those that are asked of the same the values are joined. Undefined: these are too many. */
export function eitherEnds(a: readonly EndProperty[], b: readonly EndProperty[]): readonly EndProperty[] | undefined {
  const joined = new Map<string, EndProperty>();
  for (const property of [...a, ...b]) {
    const { end, of, values, outside } = property;
    const key = JSON.stringify(outside ? [end, of, values] : [end, of]);
    const known = joined.get(key);
    joined.set(key, known ? { ...known, values: [...new Set([...known.values, ...values])] } : property);
  }
  const ends = [...joined.values()];
  return ends.reduce((sum, { values }) => sum + values.length, 0) > MOST_VALUES ? undefined : ends;
}
