/** What must hold of the path of what is opened for a check of it to be true. */

import type { PathProperty, PathSet } from '../../events/necessary.ts';
import type { TypedCheck, TypedFeed, TypedTerm } from '../check/typed-ast.ts';
import type { Lists } from '../lists/list-feed.ts';
import type { Constant } from '../values/constants.ts';

/** The calls that open. */
export const OPENS: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);

/** Properties one of which a path has when the check is true; undefined when it says nothing that can be looked for. */
export function ofPath(
  left: TypedTerm,
  check: Pick<TypedCheck, 'operator'>,
  constants: readonly Constant[],
): PathProperty[] | undefined {
  const subject = subjectOf(left);
  if (subject === undefined) return undefined;
  const found = constants.map((constant) =>
    typeof constant === 'string' ? ofText(subject, check.operator, constant) : undefined,
  );
  return found.every((one) => one !== undefined) ? found.flat() : undefined;
}

/** What a path begins with that is in a list, or begins like one there. */
export function ofListedPath(
  check: TypedCheck,
  { feeds, constants }: TypedFeed,
  lists: Lists,
): PathProperty[] | undefined {
  const found = ofPath(check.left, check, constants);
  for (const { items } of feeds) {
    const { beginnings, paths } = lists(items);
    const prefixes = beginnings && ofPath(check.left, { operator: 'startswith' }, beginnings);
    const known = among(paths, check.left, prefixes) ?? prefixes;
    if (found === undefined || known === undefined) return undefined;
    found.push(...known);
  }
  return found;
}

/** What is known of a path besides how it begins; however that is, it may be among many. */
function among(
  paths: PathSet | undefined,
  left: TypedTerm,
  prefixes: readonly PathProperty[] | undefined,
): readonly PathProperty[] | undefined {
  const subject = subjectOf(left);
  if (paths === undefined || subject?.part !== 'whole') return undefined;
  const anything: PathProperty = { of: subject.of, kind: 'prefix', value: '' };
  return (prefixes ?? [anything]).map((prefix) => ({ ...prefix, among: paths }));
}

interface Subject {
  readonly of: 'text' | 'real';
  /** The whole path, the directory of it, its last name, the path before it was put in order. */
  readonly part: 'whole' | 'directory' | 'name' | 'raw';
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  'fd.name': { of: 'text', part: 'whole' },
  'fs.path.name': { of: 'text', part: 'whole' },
  'evt.arg.name': { of: 'text', part: 'whole' },
  'fd.directory': { of: 'text', part: 'directory' },
  'fd.filename': { of: 'text', part: 'name' },
  'fd.nameraw': { of: 'text', part: 'raw' },
  'fd.realpath': { of: 'real', part: 'whole' },
};

function subjectOf(term: TypedTerm): Subject | undefined {
  if (term.kind === 'field') return SUBJECTS[term.ref.text];
  if (term.kind !== 'call' || term.name !== 'basename' || term.args.length !== 1) return undefined;
  const inner = subjectOf(term.args[0] as TypedTerm);
  return inner?.part === 'whole' ? { ...inner, part: 'name' } : undefined;
}

/** What decoding makes of bytes that are not UTF-8, and what follows it. */
export const UNDECODED = /\ufffd.*$/s;

type Find = (text: string) => PathProperty[] | undefined;

/** Makes what looks for a property of one of the two paths. Only what a path certainly has may be asked of it. */
function finders(of: Subject['of']): Readonly<Record<'prefix' | 'name' | 'hidden', Find>> {
  const one = (kind: PathProperty['kind'], value: string): PathProperty[] => [{ of, kind, value }];
  const prefix = (text: string) => (text.startsWith('/') && text !== '/' ? one('prefix', text) : undefined);
  return {
    // The root directory is in front of everything.
    prefix: (text) => prefix(text.replace(UNDECODED, '')),
    name: (text) => (text !== '' && !text.includes('/') && !UNDECODED.test(text) ? one('name', text) : undefined),
    hidden: (text) => (text.includes('/.') ? one('hidden', '') : undefined),
  };
}

function ofText({ of, part }: Subject, operator: TypedCheck['operator'], value: string): PathProperty[] | undefined {
  const { prefix, name, hidden } = finders(of);
  // What is written crookedly always passes, so this asks for nothing more: a name that no path has stands for it.
  if (part === 'raw') return operator === 'contains' && value.includes('../') ? name('.') : undefined;
  if (part === 'name') return operator === '=' || operator === 'in' ? name(value) : undefined;
  switch (operator) {
    case '=':
    case 'in':
    case 'startswith':
      return prefix(value);
    case 'pmatch':
      return prefix(`/${beforeWildcards(value).split('/').filter(Boolean).join('/')}`);
    case 'glob':
      // In brackets and behind a backslash letters mean something else.
      return prefix(beforeWildcards(value)) ?? (/[[\\]/.test(value) ? undefined : hidden(value.replace(/[*?]/g, '\0')));
    case 'contains':
      return hidden(value);
    case 'endswith':
      return (part === 'whole' ? ofEnd(value, name) : undefined) ?? hidden(value);
    default:
      return undefined;
  }
}

const beforeWildcards = (pattern: string) => pattern.replace(/[*?[\\].*$/s, '');

/** A path that ends in `/name` has that last name. */
function ofEnd(value: string, name: Find): PathProperty[] | undefined {
  const slash = value.lastIndexOf('/');
  return slash < 0 ? undefined : name(value.slice(slash + 1));
}
