/** The configuration of the operator `rules`, as far as it is not the rules' own. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import type { Plan } from '../../src/pipeline/plan/planned.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import type { Rule } from '../../src/rules/index.ts';
import { scratch } from '../scratch.ts';

const folder = scratch();
writeFileSync(
  join(folder, 'rules.yaml'),
  `- rule: Opened
  desc: d
  condition: evt.type=openat
  output: opened %fd.name %evt.buffer
  priority: NOTICE
  tags: [files]
`,
);

/** The first rule of the only operator. */
function ruleOf({ operators }: Plan): Rule | undefined {
  const states = operators.map(({ prepared }) => prepared.state as { readonly rules: readonly Rule[] });
  return states[0]?.rules[0];
}

function plan(more: string) {
  const text = `sources: { past: { type: replay, files: /dev/null } }
operators:
  detect:
    type: rules
    from: past
    files: rules.yaml
${more.replace(/^/gm, '    ')}
sinks: { out: { type: stdout, from: detect } }
`;
  return { text, planned: () => planPipeline(PipelineDocument.parse(join(folder, 'p.yaml'), text), builtIn()) };
}

/** What the only error of a plan underlines, and the way there. */
function refused(more: string) {
  const { text, planned } = plan(more);
  try {
    planned();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [diagnostic] = error.diagnostics;
    const { line = 0, column = 0, length = 0 } = diagnostic?.at ?? {};
    const at = text.split('\n')[line - 1]?.slice(column - 1, column - 1 + length);
    return { code: diagnostic?.code, at, via: diagnostic?.via, hint: diagnostic?.hint };
  }
  throw new Error('nothing was refused');
}

describe('append_output', () => {
  test('adds to the rules that it is for, and their fields are asked of the source', () => {
    const more = `append_output:
  - { match: { tags: [files] }, extra_output: "by %proc.name", extra_fields: [proc.pid, { who: "%user.name" }] }
  - { match: { rule: Another }, extra_output: "never %proc.sid" }
  - { suggested_output: true }`;
    const planned = plan(more).planned();
    const rule = ruleOf(planned);
    expect(rule?.output.text).toMatch(/^opened %fd.name %evt.buffer by %proc.name container_id=%container.id /);
    const fields = planned.operators[0]?.prepared.reads?.get('syscall')?.fields;
    expect(fields).toEqual(new Set([...(rule?.output.reads.map(({ text }) => text) ?? []), 'evt.type']));
    expect(fields).toContain('user.name');
    expect(fields).toContain('proc.pid');
    expect(fields).not.toContain('proc.sid');
  });

  const rule = `in rule 'Opened', defined at rules.yaml:1:3`;
  test.each([
    ['in the text', 'append_output: [{ suggested_output: true }, { extra_output: "by %proc.nmae!" }]', '%proc.nmae'],
    ['in a field', 'append_output:\n  - extra_fields: [proc.pid, proc.nmae]', 'proc.nmae'],
    [
      'in a text of one',
      'append_output:\n  - extra_fields:\n    - who: >\n        it is\n        %proc.nmae',
      '%proc.nmae',
    ],
  ])('what is wrong %s is underlined in the pipeline file', (_, more, at) => {
    expect(refused(more)).toEqual({
      code: 'LOAD_ERR_COMPILE_OUTPUT',
      at,
      via: ['added by append_output', rule],
      hint: 'Did you mean %proc.name?',
    });
  });
});

test('buffer_format_base64', () => {
  const event = { source: 'syscall', type: 'openat', time: 1n, get: () => undefined };
  const values: Record<string, unknown> = { 'fd.name': '/x', 'evt.buffer': new Uint8Array([0, 65, 255]) };
  const form = {
    name: 'plain',
    reader:
      ({ text }: { text: string }) =>
      () =>
        values[text] as never,
  };
  const output = (more: string) => {
    const bound = ruleOf(plan(more).planned())?.output.bind(form);
    return [bound?.text(event), bound?.fields(event)['evt.buffer']];
  };
  expect(output('')).toEqual(['opened /x .A.', '.A.']);
  expect(output('buffer_format_base64: true')).toEqual(['opened /x AEH/', 'AEH/']);
});
