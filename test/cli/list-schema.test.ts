/** The verbs `list` and `schema`; where a pipeline has components of its own, through the built program. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { catalogues } from '../../src/events/catalogue.ts';
import { Program, pipeline, repository } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { runIn } from './in-process.ts';

const OPERATOR = `
import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';
export default defineOperator({
  type: 'nights', summary: 'Events of the night.', examples: [], reads: [],
  config: z.strictObject({ from_hour: z.int().min(0).max(23).describe('When the night begins.') }),
  create: () => where(() => true),
});
`;

/** A pipeline with an operator of its own. */
function withOwn(): string {
  const folder = scratch();
  pipeline(folder, OPERATOR, 'nights.ts');
  return pipeline(
    folder,
    `components: [./nights.ts]
sources: { past: { type: replay, files: events.jsonl } }
operators: { late: { type: nights, from: past, from_hour: 22 } }
sinks: { out: { type: stdout, from: late } }
`,
  );
}

async function listed(...args: string[]): Promise<Record<string, string>[]> {
  const { code, stdout, stderr } = await runIn(repository, ['list', ...args, '-o', 'json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('list', () => {
  test('what comes with the program', async () => {
    const types = async (kind: string) => (await listed(kind)).map(({ type }) => type);
    expect(await types('sources')).toEqual(expect.arrayContaining(['ebpf', 'internal', 'replay']));
    expect(await types('operators')).toEqual(expect.arrayContaining(['filter', 'map', 'rules', 'throttle']));
    expect(await types('sinks')).toEqual(expect.arrayContaining(['file', 'stdout']));
  });

  test('a table for people: one line each', async () => {
    const { stdout } = await Program.run(['list', 'sinks']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength((await listed('sinks')).length);
    expect(lines.every((line) => /^[a-z_]+ {2,}[A-Z]/.test(line))).toBe(true);
  });

  test("a pipeline's own components too", async () => {
    const own = { type: 'nights', summary: 'Events of the night.' };
    const { stdout } = await Program.run(['list', 'operators', withOwn(), '-o', 'json']);
    expect(JSON.parse(stdout)).toContainEqual(own);
    expect(await listed('operators')).not.toContainEqual(own);
  });

  test('fields of all event sources, or of one', async () => {
    const all = await listed('fields');
    expect(new Set(all.map(({ source }) => source))).toEqual(new Set(catalogues.keys()));
    expect([...catalogues.keys()]).toEqual(expect.arrayContaining(['syscall', 'aws_cloudtrail', 'k8s_audit', 'alert']));
    const alert = await listed('fields', '--source', 'alert');
    expect(alert).toEqual(all.filter(({ source }) => source === 'alert'));
    expect(alert).toContainEqual({ source: 'alert', name: 'rule', type: 'CHARBUF', doc: expect.any(String) });
  });

  test('rules of a pipeline', async () => {
    const shipped = parse(readFileSync(join(repository, 'rules/host.yaml'), 'utf8')) as { rule?: string }[];
    const names = shipped.flatMap(({ rule }) => rule ?? []);
    const rules = await listed('rules', 'pipelines/default.yaml');
    expect(rules.map(({ rule }) => rule).sort()).toEqual(names.sort());
    expect(rules[0]).toMatchObject({ priority: expect.any(String), source: 'syscall', enabled: true });
  });
});

describe('schema', () => {
  const committed = JSON.parse(readFileSync(join(repository, 'schema/pipeline.schema.json'), 'utf8'));

  test('of what comes with the program: as it is committed', async () => {
    const { code, stdout } = await Program.run(['schema']);
    expect(code).toBe(0);
    expect({ $comment: committed.$comment, ...JSON.parse(stdout) }).toEqual(committed);
  });

  test("with a pipeline, of its own components too: their keys are the schema's", async () => {
    const { stdout } = await Program.run(['schema', withOwn()]);
    const titled = (schema: typeof committed) =>
      schema.properties.operators.additionalProperties.oneOf.find(({ title }: { title: string }) => title === 'nights');
    expect(titled(committed)).toBeUndefined();
    expect(titled(JSON.parse(stdout))).toMatchObject({
      description: 'Events of the night.',
      required: expect.arrayContaining(['type', 'from', 'from_hour']),
      properties: { from_hour: { type: 'integer', minimum: 0, maximum: 23, description: 'When the night begins.' } },
    });
  });

  test('the shipped pipelines name it', () => {
    for (const name of ['default', 'demo']) {
      const [first] = readFileSync(join(repository, `pipelines/${name}.yaml`), 'utf8').split('\n');
      expect(first).toBe('# yaml-language-server: $schema=../schema/pipeline.schema.json');
    }
  });
});
