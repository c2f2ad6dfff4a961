/** One function for each kind of conformance case: runs it and says how the result differs, or undefined. */

import { isDeepStrictEqual } from 'node:util';
import { catalogues } from '../../src/events/catalogue.ts';
import type { Catalogue, Event } from '../../src/events/field.ts';
import { joinPath } from '../../src/events/paths.ts';
import { inferNames } from '../../src/rules/check/event-types.ts';
import { makeCondition, refuseComputedEventTypes } from '../../src/rules/condition.ts';
import type { Engine } from '../../src/rules/judge/engine.ts';
import { parseFormat } from '../../src/rules/output/format.ts';
import { parseCondition } from '../../src/rules/syntax/parser.ts';
import { printFalco } from '../../src/rules/syntax/print.ts';
import { Problem } from '../../src/rules/syntax/problem.ts';
import { type Case, differences, isFalcos } from './differences.ts';
import { type MockField, mockCatalogue, mockEvent, mockForm } from './mocks.ts';
import { runRules } from './rules-kind.ts';

export type Runner = (test: Case) => string | undefined;

/** The runners of all kinds; conditions are judged by that engine. */
export function makeRunners(engine: Engine): Readonly<Record<string, Runner>> {
  return {
    parse: runParse,
    compile: runCompile,
    eval: (test) => runEval(test, engine),
    eval_socket: (test) => runSocket(test, engine),
    path: runPath,
    evttypes: runEventTypes,
    format: runFormat,
    rules: runRules,
  };
}

/** Falco's position: byte offset from 0, line and column from 1. */
export function falcoPosition(text: string, start: number): { idx: number; line: number; col: number } {
  const before = text.slice(0, start);
  const line = before.split(/[\r\n]/);
  return { idx: Buffer.byteLength(before), line: line.length, col: Buffer.byteLength(line.at(-1) ?? '') + 1 };
}

function failure(error: unknown, text: string): Record<string, unknown> {
  if (!(error instanceof Problem)) throw error;
  const start = error.options.falcoStart ?? error.span.start;
  return { ok: false, stage: error.stage, error: error.falco, pos: falcoPosition(text, start) };
}

function runParse(test: Case): string | undefined {
  const text = test.condition as string;
  try {
    const ast = parseCondition(text, { maxDepth: (test.max_depth as number | undefined) ?? 100 });
    return differences(test.expect, { ok: true, ast: printFalco(ast) });
  } catch (error) {
    return differences(test.expect, failure(error, text));
  }
}

const syscall = catalogues.get('syscall') as Catalogue;

function compiled(text: string, catalogue: Catalogue) {
  return makeCondition(text, parseCondition(text), catalogue);
}

function runCompile(test: Case): string | undefined {
  const text = test.condition as string;
  const fields = test.fields as Record<string, MockField> | undefined;
  try {
    const { warnings } = compiled(text, fields === undefined ? syscall : mockCatalogue(fields));
    return differences(withoutMention(test.expect), { ok: true, warnings: messagesOf(warnings) });
  } catch (error) {
    return differences(test.expect, failure(error, text));
  }
}

/** Where a case that succeeds mentions no warnings there must be none. */
function withoutMention(expect: Case['expect']): Case['expect'] {
  return expect.ok === true ? { warnings: [], ...expect } : expect;
}

function messagesOf(warnings: readonly { message: string }[]): readonly string[] {
  return warnings.map(({ message }) => message).filter((message) => isFalcos('LOAD_COMPILE_CONDITION', message));
}

function runEval(test: Case, engine: Engine): string | undefined {
  const text = test.condition as string;
  const fields = test.fields as Record<string, MockField>;
  try {
    const condition = compiled(text, mockCatalogue(fields));
    const result = condition.bind(mockForm, {}, engine)(mockEvent(fields));
    const warnings = messagesOf(condition.warnings);
    return differences(withoutMention(test.expect), { ok: true, result, warnings });
  } catch (error) {
    return differences(test.expect, failure(error, text));
  }
}

interface Socket {
  readonly client_ip: string;
  readonly client_port: number;
  readonly server_ip: string;
  readonly server_port: number;
  readonly client_ip_is_local: boolean;
}

function runSocket(test: Case, engine: Engine): string | undefined {
  const { client_ip, client_port, server_ip, server_port, client_ip_is_local } = test.socket as Socket;
  const [lip, lport, rip, rport] = client_ip_is_local
    ? [client_ip, client_port, server_ip, server_port]
    : [server_ip, server_port, client_ip, client_port];
  const values: Record<string, Event['time'] | unknown> = {
    'fd.cip': client_ip,
    'fd.sip': server_ip,
    'fd.lip': lip,
    'fd.rip': rip,
    'fd.ip': [client_ip, server_ip],
    'fd.cport': client_port,
    'fd.sport': server_port,
    'fd.lport': lport,
    'fd.rport': rport,
    'fd.port': [client_port, server_port],
    'fd.cnet': client_ip,
    'fd.snet': server_ip,
    'fd.lnet': lip,
    'fd.rnet': rip,
    'fd.net': [client_ip, server_ip],
    'fd.cproto': client_port,
    'fd.sproto': server_port,
    'fd.lproto': lport,
    'fd.rproto': rport,
    'fd.proto': [client_port, server_port],
  };
  const event = { source: 'syscall', type: 'connect', time: 0n, get: (name: string) => values[name] } as Event;
  const condition = compiled(test.condition as string, syscall);
  return differences(test.expect, { ok: true, result: condition.bind(mockForm, {}, engine)(event) });
}

function runEventTypes(test: Case): string | undefined {
  const text = test.condition as string;
  const known = syscall.eventTypes;
  if (known === undefined) throw new Error('the syscall catalogue has no event types');
  // Whether there are such types Falco asks elsewhere.
  const everyName = known.names.union(new Set(text.match(/\w+/g)));
  try {
    const condition = compiled(text, { ...syscall, eventTypes: { ...known, names: everyName } });
    const { eventTypes, typed } = condition;
    refuseComputedEventTypes(condition);
    const named = eventTypes === 'all' ? known.names : eventTypes;
    const codes = new Set([...named].flatMap((name) => known.codes(name)));
    // Some codes have no name: only what excludes names includes them.
    const { except, names } = inferNames(typed);
    const excluded = new Set([...names].flatMap((name) => known.codes(name)));
    const calls = new Set([...named].flatMap((name) => known.syscalls(name)));
    const everyCall = new Set([...known.names].flatMap((name) => known.syscalls(name)));
    const count = except ? known.codeCount - excluded.size : codes.size;
    return differences(test.expect, {
      all: count === known.codeCount,
      count,
      names: sortedLike(
        test.expect.names,
        // Falco goes by the names of system calls where they share an event.
        [...known.names].filter((name) => {
          const own = known.codes(name);
          return own.some((code) => codes.has(code)) && (!own.includes(0) || known.syscalls(name).length > 0);
        }),
      ),
      sc_count: calls.size,
      sc: sortedLike(test.expect.sc, [...calls]),
      sc_all_except: sortedLike(test.expect.sc_all_except, [...everyCall.difference(calls)]),
    });
  } catch (error) {
    return differences(test.expect, failure(error, text));
  }
}

/** Sets are compared whatever their order. */
function sortedLike(expected: unknown, got: string[]): unknown {
  return Array.isArray(expected) && isDeepStrictEqual([...expected].sort(), [...got].sort()) ? expected : got;
}

function runFormat(test: Case): string | undefined {
  const fields = test.fields as Record<string, MockField>;
  const { output, ...expect } = test.expect;
  try {
    const format = parseFormat(test.format as string, mockCatalogue(fields));
    const bound = format.bind(mockForm);
    const event = mockEvent(fields);
    const { text, complete } = bound.line(event);
    if (test.json !== true) {
      return differences(test.expect, { ok: true, emitted: complete, output: text, names: format.names });
    }
    const values = bound.fields(event);
    // Without a leading `*` libsinsp ends at the first absent field, and says that the line is not complete.
    const all = Object.entries(values);
    const absent = format.text.startsWith('*') ? -1 : all.findIndex(([, value]) => value === null);
    const shown = Object.fromEntries(absent < 0 ? all : all.slice(0, absent));
    const json = JSON.stringify(shown, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
    const got = Object.keys(shown).length === 0 ? null : (JSON.parse(json) as unknown);
    return (
      differences(expect, { ok: true, emitted: absent < 0, names: format.names }) ??
      differences({ output: JSON.parse(output as string) as unknown }, { output: got })
    );
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return differences(test.expect, { ok: false, error: error.falco });
  }
}

/** Falco has a text in the place of a path that is longer than it keeps. */
function runPath(test: Case): string | undefined {
  const path = joinPath(test.base as string, test.path as string);
  return differences(test.expect, { output: path.length > 1024 ? '/DIR_TOO_LONG/FILENAME_TOO_LONG' : path });
}
