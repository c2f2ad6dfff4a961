import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NEVER } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Demands,
  defineOperator,
  defineSink,
  defineSource,
  type Edge,
  where,
} from '../../../src/core/component.ts';
import { renderDiagnostic, UserError } from '../../../src/core/errors.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planInSteps, planPipeline } from '../../../src/pipeline/plan/plan.ts';
import type { Plan } from '../../../src/pipeline/plan/planned.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';
import { scratch } from '../../scratch.ts';

const common = { summary: 'For tests.', config: z.strictObject({}), examples: [] };
const demand = (entries: Record<string, [string[], string[] | 'all']>): Demands =>
  new Map(
    Object.entries(entries).map(([source, [fields, types]]) => [
      source,
      { fields: new Set(fields), types: types === 'all' ? types : new Set(types) },
    ]),
  );
const shown = (demands: Demands) =>
  Object.fromEntries(
    [...demands].map(([source, { fields, types }]) => [
      source,
      [[...fields].sort(), types === 'all' ? types : [...types].sort()],
    ]),
  );

let edges: Edge[] = [];

/** A registry with a kernel-like source, a cloud-like one, operators and a sink that say what they want. */
function registry(fault?: 'emits' | 'prepare' | 'reads') {
  const all = builtIn();
  const unless = <T>(where: string, value: T): T => {
    if (fault === where) throw new TypeError(`no ${where}`);
    return value;
  };
  const kernel = {
    ...common,
    type: 'kernel',
    delivery: 'at_most_once' as const,
    borrows: true,
    emits: () => ['syscall'],
    fills: (_source: string, field: string) => field.startsWith('proc.'),
    emitsType: (_source: string, type: string) => type === 'execve',
    open: () => NEVER,
  };
  all.add(defineSource(kernel), 'test');
  all.add(
    defineSource({ ...kernel, type: 'several', borrows: false, emits: () => ['azure_audit', 'k8s_audit'] }),
    'test',
  );
  all.add(defineSource({ ...kernel, type: 'cloud', borrows: false, emits: () => unless('emits', ['cloud']) }), 'test');
  const create = () => where(() => true);
  all.add(defineOperator({ ...common, type: 'execs', reads: ['proc.exe'], types: ['execve'], create }), 'test');
  all.add(defineOperator({ ...common, type: 'plain', create }), 'test');
  const prepare = (_config: object, edge: Edge) => {
    edges.push(unless('prepare', edge));
    return { reads: demand({ syscall: [['proc.name'], ['execve', 'open']] }), notes: { rules: 3 } };
  };
  all.add(defineOperator({ ...common, type: 'judge', emits: 'alert', prepare, create }), 'test');
  const reads = () => unless('reads', demand({ syscall: [['fd.name'], 'all'], alert: [['user.name'], 'all'] }));
  all.add(defineSink({ ...common, type: 'away', reads, open: async () => ({}) as never }), 'test');
  return all;
}

const plan = (yaml: string, sets: string[] = [], fault?: Parameters<typeof registry>[0]): Plan =>
  planPipeline(PipelineDocument.parse('p.yaml', yaml, sets), registry(fault));

beforeEach(() => {
  edges = [];
});

const GRAPH = `
sources: { node: { type: kernel }, aws: { type: cloud } }
operators:
  narrow: { type: execs, from: node }
  detect: { type: judge, from: [narrow, aws] }
sinks:
  out: { type: away, from: [detect, aws] }
`;

describe('the plan', () => {
  it('is made in steps, each rule one at least, or at once', () => {
    const folder = scratch();
    const rule = (n: number) =>
      `- rule: r${n}\n  desc: d\n  condition: evt.type=execve and proc.pid=${n}\n  output: o\n  priority: INFO\n`;
    writeFileSync(join(folder, 'rules.yaml'), Array.from({ length: 20 }, (_, n) => rule(n)).join(''));
    const yaml = `sources: { node: { type: kernel } }
operators: { detect: { type: rules, from: node, files: ${folder}/rules.yaml } }
sinks: { out: { type: away, from: detect } }`;
    const steps = planInSteps(PipelineDocument.parse('p.yaml', yaml), registry());
    let taken = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) taken++;
    expect(taken).toBeGreaterThan(20);
    expect(step.value.digest).toBe(plan(yaml).digest);
    expect(step.value.operators[0]?.notes).toMatchObject({ rules: 20 });
  });

  it('types every edge: what reaches an operator and a sink', () => {
    const { sources, operators, sinks } = plan(GRAPH);
    expect(sources.map(({ id, emits }) => [id, emits])).toEqual([
      ['node', ['syscall']],
      ['aws', ['cloud']],
    ]);
    expect(operators.map(({ id, reached, emits }) => [id, reached, emits])).toEqual([
      ['narrow', ['syscall'], ['syscall']],
      ['detect', ['syscall', 'cloud'], ['alert']],
    ]);
    expect(sinks.map(({ id, reached }) => [id, reached])).toEqual([['out', ['alert', 'cloud']]]);
    expect(operators[1]?.notes).toEqual({ rules: 3 });
  });

  it('orders operators upstream first, however they are written', () => {
    const { operators } = plan(`
sources: { a: { type: cloud } }
operators: { z: { type: plain, from: y }, y: { type: plain, from: [x, a] }, x: { type: plain, from: a } }
sinks: { out: { type: away, from: z } }`);
    expect(operators.map(({ id }) => id)).toEqual(['x', 'y', 'z']);
  });

  it('lets demand flow upstream: joined where ways join, narrowed by types, ended by alerts', () => {
    const { sources, operators } = plan(GRAPH);
    // What the sink wants of alerts is asked of the rules; of the kernel only what is read before.
    expect(shown(operators[1]?.demand as Demands)).toMatchObject({ alert: [['user.name'], 'all'] });
    expect(shown(operators[0]?.demand as Demands)).toEqual({ syscall: [['proc.name'], ['execve', 'open']] });
    expect(shown(sources[0]?.demand as Demands)).toEqual({ syscall: [['proc.exe', 'proc.name'], ['execve']] });
    const both = plan(GRAPH.replace('from: [detect, aws]', 'from: [detect, aws, node]'));
    expect(shown(both.sources[0]?.demand as Demands)).toMatchObject({
      syscall: [['fd.name', 'proc.exe', 'proc.name'], 'all'],
    });
  });

  it('says of which events a field is read, as far as all that read it say', () => {
    const folder = scratch();
    const rule = (name: string, condition: string, output: string) =>
      `- { rule: ${name}, desc: d, condition: "${condition}", output: "${output}", priority: INFO }\n`;
    const shell = rule('shell', 'evt.type = execve and proc.stdin.type = ipv4', '%proc.name');
    const opens = rule('opens', 'evt.type = openat and fd.name = /a', '%proc.name %fd.num');
    const read = (rules: string, graph: string) => {
      writeFileSync(join(folder, 'rules.yaml'), rules);
      const { sources } = plan(graph.replace('FILES', `${folder}/rules.yaml`));
      const { fieldTypes = new Map() } = sources[0]?.demand.get('syscall') ?? {};
      return Object.fromEntries([...fieldTypes].map(([field, types]) => [field, [...types].sort()]));
    };
    const graph = `
sources: { node: { type: kernel } }
operators:
  detect: { type: rules, from: node, files: FILES }
sinks: { out: { type: stdout, from: detect } }`;
    const both = {
      'evt.type': ['execve', 'openat'],
      'proc.stdin.type': ['execve'],
      'proc.name': ['execve', 'openat'],
      'fd.name': ['openat'],
      'fd.num': ['openat'],
    };
    expect(read(shell + opens, graph)).toEqual(both);
    const behind = graph
      .replace('from: node', 'from: all')
      .replace('detect:', 'all: { type: execs, from: node }\n  detect:');
    expect(read(shell + opens, behind)).toEqual(both);
    // A rule of any event, and a sink that does not say.
    const { 'proc.name': _, ...without } = both;
    expect(read(shell + opens + rule('any', 'proc.name = x', 'o'), graph)).toEqual(without);
    const other = graph.replace('from: detect }', 'from: detect }, other: { type: away, from: node }');
    const { 'fd.name': __, ...unnamed } = both;
    expect(read(shell + opens, other)).toEqual(unnamed);
  });

  it('answers an operator what the sources above ever fill and emit', () => {
    plan(GRAPH);
    const [edge] = edges as [Edge];
    expect([edge.fills('syscall', 'proc.name'), edge.fills('syscall', 'fd.name')]).toEqual([true, false]);
    expect([edge.emitsType('syscall', 'execve'), edge.emitsType('syscall', 'open')]).toEqual([true, false]);
    // Of an event source that does not come here, nothing.
    expect(edge.fills('k8s_audit', 'proc.name')).toBe(false);
    expect(edge.sources).toEqual(['syscall', 'cloud']);
  });
});

/** The rendered errors of a plan. */
function errorsOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((each) => renderDiagnostic(each, error.texts)).join('\n');
  }
  return '';
}

describe('an operator that does not say what it reads', () => {
  const refused = /^p.yaml:\d+:\d+: error: plain reads kernel events but does not say which fields it reads\n/;

  it('is refused below kernel events, directly or through others that pass them on', () => {
    for (const yaml of [
      'operators: { mine: { type: plain, from: node } }',
      'operators: { narrow: { type: execs, from: node }, mine: { type: plain, from: narrow } }',
    ]) {
      expect(
        errorsOf(() =>
          plan(`sources: { node: { type: kernel } }\n${yaml}\nsinks: { out: { type: away, from: mine } }`),
        ),
      ).toMatch(refused);
    }
  });

  it('is welcome on events that come whole, and on alerts', () => {
    const yaml = `${GRAPH.replace('from: [detect, aws]', 'from: mine')}`.replace(
      'sinks:',
      '  mine: { type: plain, from: [detect, aws] }\nsinks:',
    );
    expect(plan(yaml).operators).toHaveLength(3);
  });
});

describe('an operator that names what nothing has that comes to it', () => {
  const { config, ...rest } = common;
  const graph = 'operators: { mine: { type: mine, from: node } }\nsinks: { out: { type: stdout, from: mine } }';
  type Definition = Parameters<typeof defineOperator<typeof config>>[0];
  const said = (definition: Partial<Definition>, source = 'ebpf', yaml = graph) => {
    const all = registry();
    const create = () => where(() => true);
    all.add(defineOperator({ ...rest, config, type: 'mine', create, ...definition }), 'test');
    all.add(
      defineOperator({ ...common, type: 'scores', provides: () => [SCORE], reads: ['proc.name'], create }),
      'test',
    );
    const document = PipelineDocument.parse('p.yaml', `sources: { node: { type: ${source} } }\n${yaml}`);
    try {
      return planPipeline(document, all).warnings.map(
        ({ severity, message, hint }) => `${severity}: ${message}. ${hint}`,
      );
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return error.diagnostics.map(({ severity, message, hint }) => `${severity}: ${message}. ${hint}`);
    }
  };
  const SCORE = { name: 'my.score', doc: 'For tests.', type: 'number' as const };
  const below = graph
    .replace('from: node', 'from: above')
    .replace('{ mine', '{ above: { type: scores, from: node }, mine');

  it('is refused for a field or a type, with what was probably meant', () => {
    expect(said({ reads: ['proc.nmae', 'proc.aname[2]', 'evt.arg.flags'], types: ['exeve'] })).toEqual([
      'error: mine reads "proc.nmae", which is no field of syscall events. Did you mean "proc.name"?',
      'error: mine wants events of the type "exeve", which no syscall events have. Did you mean "execve"?',
    ]);
    const fields = new Set(['proc.nmae']);
    const prepare = () => ({ reads: new Map([['syscall', { fields, types: 'all' as const }]]) });
    expect(said({ prepare })).toEqual([expect.stringContaining('reads "proc.nmae"')]);
  });

  it('has the fields that operators above provide', () => {
    expect(said({ reads: ['my.score'] }, 'ebpf', below)).toEqual([]);
    // An operator may set what it does not announce.
    expect(said({ reads: ['my.scroe'] }, 'ebpf', below)).toEqual([
      'warning: mine reads "my.scroe", which is no field of syscall events. Did you mean "my.score"?',
    ]);
    expect(said({ reads: ['my.score'] })).toEqual([
      'error: mine reads "my.score", which is no field of syscall events. A field that an operator above adds is named in its `provides`.',
    ]);
  });

  it('may be made for several event sources, and for those of others', () => {
    expect(said({ reads: ['proc.name', 'ct.user'], types: ['execve', 'ConsoleLogin'] })).toEqual([
      'warning: mine wants events of the type "ConsoleLogin", which no syscall events have. undefined',
    ]);
    expect(said({ reads: ['ct.user'] })).toEqual([
      'error: mine reads "ct.user", which is no field of syscall events. It is one of aws_cloudtrail events, and none come here.',
    ]);
    expect(said({ reads: ['anything'], types: ['whatever'] }, 'cloud')).toEqual([]);
  });

  it('of several event sources that come a field need be one of one, also for a sink and what is prepared', () => {
    const file = 'sinks: { out: { type: file, from: node, path: out, fields: [azure.correlationid, ka.verb] } }';
    expect(said({}, 'several', file)).toEqual([]);
    expect(said({}, 'several', file.replace('ka.verb', 'ka.vreb')).join()).toContain('ka.vreb');
    const fields = new Set(['azure.correlationid', 'ka.verb']);
    const both = ['azure_audit', 'k8s_audit'].map((source) => [source, { fields, types: 'all' as const }] as const);
    expect(said({ prepare: () => ({ reads: new Map(both) }) }, 'several')).toEqual([]);
  });

  it('is what a condition points to whose field nothing has', () => {
    const filter = (condition: string) =>
      said({}, 'ebpf', below.replace('type: mine, from: above', `type: filter, from: above, condition: ${condition}`));
    expect(filter('my.score > 3')).toEqual([]);
    expect(filter('nobody.has > 3')).toEqual([
      'error: On syscall events: unknown field nobody.has (event source syscall). A field that an operator above adds is named in its `provides`.',
    ]);
  });

  it('adds no field that events have already', () => {
    const provides = () => [{ name: 'proc.name', doc: 'For tests.' }];
    expect(said({ reads: [], provides })).toEqual([
      'error: mine adds "proc.name", which syscall events have already. Call it otherwise.',
    ]);
  });
});

it.each(['emits', 'prepare', 'reads'] as const)(
  'a component that throws in %s is named, and nobody thinks that we failed',
  (fault) => {
    expect(errorsOf(() => plan(GRAPH, [], fault))).toMatch(
      new RegExp(`^p.yaml:\\d+:\\d+: error: \\w+ cannot be planned, for its type has a fault: no ${fault}\n`),
    );
  },
);

describe('the digest', () => {
  let folder = '';
  beforeEach(() => {
    folder = scratch();
  });

  it('is the same for the same pipeline, and another one when it or a file that it names has changed', () => {
    const rule = (output: string) =>
      `- rule: R\n  desc: d\n  condition: proc.name = x\n  output: ${output}\n  priority: NOTICE\n`;
    const yaml = `
sources: { past: { type: replay, files: /dev/null } }
operators: { detect: { type: rules, from: past, files: rules.yaml } }
sinks: { out: { type: stdout, from: detect } }
`;
    const digest = (text: string, sets: string[] = []) =>
      planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), text, sets), builtIn()).digest;
    writeFileSync(join(folder, 'rules.yaml'), rule('one'));
    const first = digest(yaml);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(digest(`# a comment\n${yaml}`)).toBe(first);
    expect(digest(yaml, ['sinks.out.format=json'])).not.toBe(first);
    writeFileSync(join(folder, 'rules.yaml'), rule('two'));
    expect(digest(yaml)).not.toBe(first);
  });

  it('paths start at the folder of the file', () => {
    const document = PipelineDocument.parse(join(folder, 'p.yaml'), `${GRAPH}\nstate: here\n`);
    expect(planPipeline(document, registry()).state).toBe(join(folder, 'here'));
  });
});
