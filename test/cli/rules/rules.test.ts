/** The verbs that list and show rules. */

import { describe, expect, test } from 'vitest';
import { Program } from '../../e2e/program.ts';
import { bad, good, pipelineFile, run } from '../rules-folder.ts';

describe('rules list', () => {
  test("by itself: the program's own rules", async () => {
    const { code, stdout, stderr } = await Program.run(['rules', 'list']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Scheduled job changed +Warning +syscall +enabled +T1053/m);
    const elsewhere = await run('rules', 'list');
    expect(elsewhere.stdout).toBe(stdout);
  });

  test('of a pipeline: as its operator has them', async () => {
    const { code, stdout } = await run('rules', 'list', pipelineFile);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Shell with a terminal  Notice  syscall  disabled  people\n' });
  });

  test("-o json is Falco's shape", async () => {
    const { json } = await run('rules', 'list', good, '-o', 'json');
    expect(json).toHaveLength(1);
    const described = json[0]?.falco_describe_results as Record<string, { info: object; details: object }[]>;
    expect(Object.keys(described)).toEqual([
      'required_engine_version',
      'required_plugin_versions',
      'rules',
      'macros',
      'lists',
    ]);
    expect(described.rules?.[0]?.info).toMatchObject({ name: 'Shell with a terminal', priority: 'Notice' });
    expect(described.macros?.[0]?.details).toMatchObject({ used: true, lists: ['shells'] });
    expect(described.lists?.[0]?.info).toEqual({ name: 'shells', items: ['bash', 'sh'] });
  });

  test('rules that do not load, and a pipeline beside rules', async () => {
    expect(await run('rules', 'list', bad)).toMatchObject({ code: 78, stdout: '' });
    const mixed = await run('rules', 'list', pipelineFile, good);
    expect(mixed).toMatchObject({ code: 2, stdout: '' });
    expect(mixed.stderr).toContain('Name rules files, or one pipeline');
  });
});

describe('rules show', () => {
  test('what a rule consists of', async () => {
    const { code, stdout } = await run('rules', 'show', 'Shell with a terminal', good);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Shell with a terminal\ngood.yaml:5 · Notice · source syscall · enabled · tags people\n/);
    expect(stdout).toContain('Condition\n  evt.type in (execve, execveat) and shell and proc.tty != 0\n');
    expect(stdout).toContain('Exceptions\n  known\n');
    expect(stdout).toContain('proc.name in (bash, sh)');
  });

  test('as JSON', async () => {
    const { json } = await run('rules', 'show', 'Shell with a terminal', good, '-o', 'json');
    const { rules } = (json[0] as { falco_describe_results: { rules: { details: object }[] } }).falco_describe_results;
    expect(rules).toHaveLength(1);
    expect(rules[0]?.details).toMatchObject({ events: ['execve', 'execveat'], macros: ['shell'] });
  });

  test('a name that is not quite right', async () => {
    const { code, stderr } = await run('rules', 'show', 'shell with a terminal', good);
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean "Shell with a terminal"?');
    expect((await run('rules', 'show', 'zzz', good)).stderr).toContain("'rules list' names them");
  });
});
