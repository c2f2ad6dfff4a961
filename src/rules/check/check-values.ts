/** What deserves a warning in a value that a condition compares with. */

import { suggest } from '../../core/errors.ts';
import { errorNames } from '../../events/kernel/errno.ts';
import { namesInParam } from '../../events/syscall/event-types.ts';
import { type Literal, type Operator, transformerNames } from '../language.ts';
import { parseTerm } from '../syntax/parser.ts';
import { clipped, wrapped } from '../values/constants.ts';
import { hasOpenBracket } from '../values/glob.ts';
import { addressText, mappedNetwork, parseAddress } from '../values/ip.ts';
import { isSimpleRegex } from '../values/regex.ts';
import type { Checking } from './checking.ts';
import type { TypedField, TypedTerm } from './typed-ast.ts';

export interface ValueWarning {
  readonly message: string;
  readonly hint?: string;
}

/** What word processors and web pages make of quotes and blanks. */
const pasted = /[\u00a0\u2000-\u200d\u2018-\u201f\u2028-\u202f\u2060\u3000\ufeff]/;
const suspect = /[.(\u00a0\u2000-\u200d\u2018-\u201f\u2028-\u202f\u2060\u3000\ufeff]/;
/** Falco overlooks them where a value looks like a field or a transformer. */
const blanks = /[ \t\n\v\f\r]+/g;
/** Every field begins so, and few values do that are none. */
const fieldStart = /^[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+(?:\[|$)/;
/** What is in the parentheses need not mean anything. */
const transformerCall = new RegExp(`^(?:${transformerNames.join('|')})\\(.*\\)$`, 's');

export function warningsAbout(
  literal: Literal,
  left: TypedTerm,
  operator: Operator,
  checker: Checking,
): readonly ValueWarning[] {
  const never = left.kind === 'field' ? neverMatched(literal.text, left, operator) : undefined;
  const others = aboutText(literal, left, operator, checker);
  return never === undefined ? others : [never, ...others];
}

function aboutText(
  { text, quoted }: Literal,
  left: TypedTerm,
  operator: Operator,
  checker: Checking,
): readonly ValueWarning[] {
  if ((left.type === 'IPNET' || left.type === 'IPADDR') && text.includes(':')) return ofAddress(text, left);
  const isRegex = operator === 'regex';
  if (!isRegex && !suspect.test(text)) return NONE;
  const warnings: ValueWarning[] = [];
  if (!quoted && pasted.test(text)) {
    warnings.push({
      message: `'${text}' holds quotes or blanks that are none to a condition: they are part of the value`,
      hint: `Write " or ' and plain blanks; what belongs to the value stands in quotes.`,
    });
  }
  if (isRegex && isSimpleRegex(text)) {
    warnings.push({
      message:
        `regex check with '${text}' may be optimized with simpler operators such as ` +
        "'=', 'contains', 'startswith', 'endswith'",
    });
  }
  const meant = meantTerm(text, checker);
  if (meant !== undefined) warnings.push(meant);
  return warnings;
}

/** A field or transformer that is a text where it stands. */
function meantTerm(text: string, checker: Checking): ValueWarning | undefined {
  const asOutput = text.startsWith('%');
  const written = asOutput ? text.slice(1) : text.replace(blanks, '');
  const isCall = transformerCall.test(written);
  if (!isCall && !isField(written, checker)) return undefined;
  const misused = `may be a valid ${isCall ? 'field transformer' : 'field'} misused as a const string value`;
  const message = `'${text}' ${asOutput ? 'is a text like any other: % is for outputs' : misused}`;
  if (isCall) return { message, hint: `Remove the ${asOutput ? '% and the ' : ''}quotes to apply it.` };
  return { message, hint: `To compare with the field write val(${written}).` };
}

function isField(text: string, checker: Checking): boolean {
  const term = fieldStart.test(text) ? parseTerm(text) : undefined;
  return term !== undefined && checker.isValid(term);
}

const PARTS: ReadonlySet<string> = new Set(['startswith', 'endswith', 'contains', 'icontains']);
/** Bytes of a thread's name that the kernel keeps. Of the parent's Falco's own rules ask for more: nothing is said of it. */
const COMM = 15;
const EQUALS: ReadonlySet<string> = new Set(['=', '==', '!=', 'in']);

/** A value that the field never has, whatever happens. */
function neverMatched(text: string, { ref, type }: TypedField, operator: Operator): ValueWarning | undefined {
  const instead = wrapped(text, type);
  if (instead !== undefined) {
    return { message: `'${clipped(text)}' is no number that ${ref.text} can be: it is compared with ${instead}` };
  }
  if (ref.text === 'evt.res' && EQUALS.has(operator) && !isResult(text)) {
    const meant = [text.toUpperCase()].find(isResult) ?? suggest(text, RESULTS);
    const hint = meant ? `Did you mean ${meant}?` : 'It is SUCCESS or the name of an error: ENOENT, EACCES.';
    return { message: `'${text}' never matches: evt.res is never that`, hint };
  }
  if (ref.text === 'proc.name' && PARTS.has(operator) && Buffer.byteLength(text) > COMM) {
    const hint = 'proc.exepath and proc.exe have all of it.';
    return { message: `'${text}' never matches: the kernel keeps ${COMM} bytes of a name in ${ref.text}`, hint };
  }
  if (ref.text.startsWith(ARGUMENT) && (operator === 'contains' || EQUALS.has(operator))) {
    const strange = unknownName(text, ref.text.slice(ARGUMENT.length), operator === 'contains');
    if (strange === undefined) return undefined;
    const { name, hint } = strange;
    return { message: `'${text}' never matches: no event has ${name} in ${ref.text}`, hint };
  }
  if ((operator === 'glob' || operator === 'iglob') && hasOpenBracket(text)) {
    const hint = 'Close it, or write [[] for a bracket that is meant.';
    return { message: `the [ in '${text}' is not closed: it stands for itself`, hint };
  }
  return undefined;
}

const RESULTS: readonly string[] = ['SUCCESS', ...errorNames];
/** An error without a name is its number; that none is -1, as Falco's rules ask, is true of all. */
const isResult = (text: string) => text === 'SUCCESS' || errorNames.has(text) || /^-?\d+$/.test(text);

const ARGUMENT = 'evt.arg.';
/** What has no letter beyond F may be a number in hex. */
const isName = (text: string) => /^[A-Za-z_]\w*$/.test(text) && !/^[0-9A-Fa-f]+$/.test(text);

/** A name of a flag or of a value that the argument of no event has; `asPart`: a part of one is enough. */
function unknownName(
  text: string,
  param: string,
  asPart: boolean,
): { readonly name: string; readonly hint: string } | undefined {
  const asked = text.split('|').filter(isName);
  const known = asked.length === 0 ? undefined : namesInParam(param);
  if (known === undefined) return undefined;
  const { flags, values } = known;
  const names = [...flags, ...values];
  if (!asPart && values.has(text)) return undefined;
  const isThere = (part: string) => (asPart ? names.some((each) => each.includes(part)) : flags.has(part));
  if (asked.every(isThere)) return undefined;
  const name = asked.find((part) => !isThere(part) && !values.has(part)) ?? text;
  // A value may have two names, and Falco leaves out what most begin with: RDONLY is MS_RDONLY.
  const isMeant = (each: string) => each.split('|').includes(name) || name.endsWith(`_${each}`);
  const meant = names.find(isMeant) ?? suggest(name, names);
  return {
    name,
    hint: meant === undefined ? `It has ${names.length} names, as ${names[0]}.` : `Did you mean ${meant}?`,
  };
}

/** What a call is about shows such addresses as IPv4; cloud services may tell them as they are. */
function ofAddress(text: string, left: TypedTerm): readonly ValueWarning[] {
  const instead = ipv4Instead(text);
  if (instead === undefined || left.kind !== 'field' || !left.ref.text.startsWith('fd.')) return NONE;
  const message = `'${text}' never matches: IPv4-mapped addresses are those of IPv4 in ${left.ref.text}`;
  return [{ message, hint: `Write ${instead}` }];
}

/** How an IPv4-mapped address or network is written in IPv4; undefined for what is none. */
export function ipv4Instead(text: string): string | undefined {
  const [written = '', bits] = text.split('/');
  const address = parseAddress(written);
  if (address === undefined) return undefined;
  const network = mappedNetwork({ address, prefix: bits === undefined ? 128 : Number(bits) });
  return network && `${addressText(network.address)}${bits === undefined ? '' : `/${network.prefix}`}`;
}

const NONE: readonly ValueWarning[] = [];
