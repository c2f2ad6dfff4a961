/** Paths that are taken for the name of a connected unix socket, which only ends in its path. */

import { type CheckWithin, checksWithin } from '../check/checks-within.ts';
import type { TypedCheck } from '../check/typed-ast.ts';
import type { Condition } from '../condition.ts';
import { necessary } from './necessary.ts';

/** Calls after which a socket is connected, unless they fail. */
const CONNECTS: ReadonlySet<string> = new Set(['connect', 'accept', 'accept4']);

/** What compares with how a name begins. */
const FROM_THE_START: ReadonlySet<string> = new Set(['=', '!=', 'in', 'startswith', 'pmatch', 'glob']);
const FURTHER_BACK: ReadonlySet<string> = new Set(['endswith', 'contains', 'icontains']);

export interface MistakenName extends CheckWithin {
  readonly message: string;
  readonly hint: string;
}

/**
 * The checks of `fd.name` that hold only of calls that fail, in a condition of calls that connect: a connected unix socket
 * is named `ADDRESS->ADDRESS PATH` (spec/falco-engine.md §6.5). None where the condition asks for calls that fail, or
 * looks for the path further back too.
 */
export function mistakenNames({ ast, typed, names, reads }: Condition): readonly MistakenName[] {
  if (names === undefined || names.except || !names.names.isSubsetOf(CONNECTS)) return [];
  if (!reads.some(({ text }) => text === 'fd.name')) return [];
  const found = checksWithin(ast, typed, (check) => FROM_THE_START.has(check.operator) && pathsOf(check).length > 0);
  if (found.length === 0 || [...names.names].every((type) => asksForFailure(typed, type))) return [];
  const behind = checksWithin(ast, typed, ({ operator }) => FURTHER_BACK.has(operator)).flatMap(({ check }) =>
    textsOf(check).map((text) => text.trim()),
  );
  return found.flatMap(({ check, within }) => {
    const paths = pathsOf(check).filter((path) => !behind.some((text) => path.endsWith(text)));
    return paths.length === 0 ? [] : [{ check, within, ...said(check, paths) }];
  });
}

function asksForFailure(typed: Condition['typed'], type: string): boolean {
  return necessary(typed, type).every(({ results }) => results?.has('ok') === false);
}

function said({ operator }: TypedCheck, paths: readonly string[]) {
  const [path = ''] = paths;
  const verdict = operator === '!=' ? 'false' : 'true';
  const isWhole = operator === '=' || operator === '!=' || operator === 'in';
  const not = operator === '!=' ? 'not ' : '';
  const fixed = operator === 'glob' ? path.replace(/[*?[].*$/s, '') : path;
  const whole = paths.length > 1 ? `anyof (${someOf(paths)})` : path;
  const text = isWhole ? `endswith ${whole}` : `contains " ${fixed}"`;
  return {
    message: `'fd.name ${operator}' with the path ${path} is ${verdict} only of calls that fail: a connected unix socket is named ADDRESS->ADDRESS PATH`,
    hint: `Write ${not}fd.name ${text}`,
  };
}

/** So many are named. */
const SHOWN = 4;

function someOf(paths: readonly string[]): string {
  return paths.slice(0, SHOWN).join(', ') + (paths.length > SHOWN ? ', …' : '');
}

function pathsOf(check: TypedCheck): readonly string[] {
  return textsOf(check).filter((text) => /^[/@]/.test(text));
}

function textsOf({ left, constants = [] }: TypedCheck): readonly string[] {
  if (left.kind !== 'field' || left.ref.text !== 'fd.name') return [];
  return constants.filter((constant) => typeof constant === 'string');
}
