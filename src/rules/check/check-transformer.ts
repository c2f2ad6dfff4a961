/** Checks transformers: how many arguments, of which types, and the type of the result (spec/falco-engine.md §2.7). */

import type { Argument, TransformerTerm } from '../syntax/ast.ts';
import { printTerm } from '../syntax/print.ts';
import { isText, type TermType, typeName } from '../values/types.ts';
import type { Checking } from './checking.ts';
import type { TypedTerm } from './typed-ast.ts';

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
        checker.fail(`field '${typed.ref.text}' does not support transformers`, each.span);
      }
      return typed;
    }
  }
}

function wrongNumber(checker: Checking, term: TransformerTerm, hint: string): never {
  // The spelling is Falco's.
  return checker.fail(`${term.name}() ${hint}`, term.span, { falco: `unknown field transfomer '${term.name}'` });
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
    const shown = first.kind === 'field' || first.kind === 'transformer' ? printTerm(innermost(first)) : 'constant';
    checker.fail(
      `can't add field transformer: type '${typeName(inner)}' is not supported by '${term.name}' transformer ` +
        `applied on field '${shown}'`,
      term.span,
    );
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
      return isText(type) ? { type, list } : undefined;
    case 'basename':
      return isText(type) && !list ? { type, list } : undefined;
    case 'b64':
      return (isText(type) || type === 'BYTEBUF') && !list ? { type, list } : undefined;
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
  if (!args.every(({ type, list }) => isText(type) && !list)) {
    checker.fail('concat() arguments must be strings', term.span);
  }
  return { kind: 'call', name: 'concat', args, type: 'CHARBUF', list: false };
}

function getopt(checker: Checking, term: TransformerTerm): TypedTerm {
  if (term.args.length !== 2) return wrongNumber(checker, term, 'takes a list and the option letters');
  const [words, letters] = term.args.map((each) => argument(checker, each)) as [TypedTerm, TypedTerm];
  if (!words.list) checker.fail('getopt() first argument must be a list', term.span);
  if (letters.list) checker.fail('getopt() second argument (optstring) must be a single value', term.span);
  if (!isText(words.type) || !isText(letters.type)) checker.fail('getopt() arguments must be strings', term.span);
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
