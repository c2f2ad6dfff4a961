/** Checks transformers: how many arguments, of which types, and the type of the result (spec/falco-engine.md §2.7). */

import type { Argument, TransformerTerm } from '../syntax/ast.ts';
import { printTerm } from '../syntax/print.ts';
import { isText, type TermType, typeName } from '../values/types.ts';
import type { Checking } from './checking.ts';
import type { TypedField, TypedTerm } from './typed-ast.ts';

/** Types a transformer. Anything wrong is reported through the checker. */
export function checkTransformer(checker: Checking, term: TransformerTerm): TypedTerm {
  switch (term.name) {
    case 'join':
      return join(checker, term);
    case 'concat':
      return concat(checker, term);
    case 'getopt':
      return getopt(checker, term);
    default:
      return unary(checker, term);
  }
}

function argument(checker: Checking, each: Argument): TypedTerm {
  switch (each.kind) {
    case 'literal':
      return { kind: 'constant', value: each.text, type: 'CHARBUF', list: false };
    case 'arguments':
      return { kind: 'list', items: each.items.map((item) => argument(checker, item)), type: 'CHARBUF', list: true };
    default: {
      const typed = checker.term(each);
      if (typed.kind === 'field' && typed.ref.field.noTransformer) {
        const falco = `field '${falcoName(typed)}' does not support transformers`;
        checker.fail(`field '${typed.ref.text}' does not support transformers`, each.span, { falco });
      }
      return typed;
    }
  }
}

/** The field whose value a term is, as it is or as transformers of one argument make it. */
export function innerField(term: TypedTerm): TypedField | undefined {
  if (term.kind === 'field') return term;
  return term.kind === 'call' && isUnary(term.name) ? innerField(term.args[0] as TypedTerm) : undefined;
}

/** What Falco calls a term in errors: its field, without argument and transformers. */
export function falcoName(term: TypedTerm): string {
  if (term.kind === 'field') return term.ref.field.name;
  if (term.kind === 'call' && isUnary(term.name)) return falcoName(term.args[0] as TypedTerm);
  return term.list ? 'INTERNAL' : 'NA';
}

function isUnary(name: string): boolean {
  return !Object.hasOwn(argumentsOf, name);
}

/** What Falco says of a number of arguments that is wrong, and is not one. */
const argumentsOf: Readonly<Record<string, string>> = {
  join: 'join() requires exactly 2 arguments: separator and list',
  concat: 'concat() requires at least 2 arguments',
  getopt: 'getopt() requires exactly 2 arguments: args list and optstring',
};

function wrongNumber(checker: Checking, term: TransformerTerm, hint: string): never {
  // The spelling is Falco's.
  const falco =
    term.args.length === 1
      ? `unknown field transfomer '${term.name}'`
      : (argumentsOf[term.name] ?? 'unknown multivalue transformer');
  return checker.fail(`${term.name}() ${hint}`, term.span, { falco });
}

function noArgument(checker: Checking, term: TransformerTerm, prefix = ''): void {
  if (term.arg === undefined) return;
  checker.fail(`${prefix}transformer '${term.name}' does not support field arguments`, term.span);
}

function unary(checker: Checking, term: TransformerTerm): TypedTerm {
  const [first] = term.args;
  if (first === undefined || term.args.length !== 1) return wrongNumber(checker, term, 'takes one argument');
  if (term.name === 'val') {
    noArgument(checker, term, 'filter error: ');
    return first.kind === 'field' ? checker.term(first) : argument(checker, first);
  }
  const inner = argument(checker, first);
  noArgument(checker, term, 'filter error: ');
  const result = unaryResult(term.name, inner);
  if (result === undefined) {
    const refused = (type: string, what: string) =>
      `can't add field transformer: type '${type}' is not supported by '${term.name}' transformer applied on ${what}`;
    const shown = first.kind === 'field' || first.kind === 'transformer' ? printTerm(innermost(first)) : 'constant';
    const falco = refused(inner.type, `${inner.list ? 'list ' : ''}field '${falcoName(inner)}'`);
    checker.fail(refused(typeName(inner), `field '${shown}'`), term.span, { falco });
  }
  return { kind: 'call', name: term.name, args: [inner], ...result };
}

function innermost(term: Argument): TransformerTerm | Extract<Argument, { kind: 'field' }> {
  const first = term.kind === 'transformer' ? term.args[0] : undefined;
  if (first !== undefined && (first.kind === 'transformer' || first.kind === 'field')) return innermost(first);
  return term as TransformerTerm;
}

function unaryResult(name: TransformerTerm['name'], { type, list }: TermType): TermType | undefined {
  switch (name) {
    case 'tolower':
    case 'toupper':
    case 'basename':
      return isText(type) ? { type, list } : undefined;
    case 'b64':
      return type === 'CHARBUF' || type === 'BYTEBUF' ? { type, list } : undefined;
    default:
      return isText(type) || type === 'BYTEBUF' || list ? { type: 'UINT64', list: false } : undefined;
  }
}

function join(checker: Checking, term: TransformerTerm): TypedTerm {
  if (term.args.length !== 2) return wrongNumber(checker, term, 'takes a separator and a list');
  noArgument(checker, term);
  const [separator, list] = term.args.map((each) => argument(checker, each)) as [TypedTerm, TypedTerm];
  if (separator.list) checker.fail('join() first argument (separator) must be a single value, not a list', term.span);
  if (!list.list) checker.fail('join() second argument must be a list', term.span);
  return { kind: 'call', name: 'join', args: [separator, list], type: 'CHARBUF', list: false };
}

function concat(checker: Checking, term: TransformerTerm): TypedTerm {
  if (term.args.length < 2) return wrongNumber(checker, term, 'takes two texts or more');
  noArgument(checker, term);
  const args = term.args.map((each) => argument(checker, each));
  if (!args.every(({ type, list }) => type === 'CHARBUF' && !list)) {
    checker.fail('concat() arguments must be strings', term.span);
  }
  return { kind: 'call', name: 'concat', args, type: 'CHARBUF', list: false };
}

function getopt(checker: Checking, term: TransformerTerm): TypedTerm {
  if (term.args.length !== 2) return wrongNumber(checker, term, 'takes a list and the option letters');
  const [words, letters] = term.args.map((each) => argument(checker, each)) as [TypedTerm, TypedTerm];
  if (!words.list) checker.fail('getopt() first argument must be a list', term.span);
  if (letters.list) checker.fail('getopt() second argument (optstring) must be a single value', term.span);
  if (words.type !== 'CHARBUF' || letters.type !== 'CHARBUF') {
    checker.fail('getopt() arguments must be strings', term.span);
  }
  if (term.arg !== undefined && term.arg.length !== 1) {
    checker.fail('getopt() field argument must be a single option character', term.span);
  }
  return {
    kind: 'call',
    name: 'getopt',
    args: [words, letters],
    arg: term.arg,
    type: 'CHARBUF',
    list: term.arg === undefined,
  };
}
