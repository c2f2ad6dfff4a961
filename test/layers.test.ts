import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Lowest first; those of one line do not know each other. CONTRIBUTING.md shows both. */
const product = [
  ['src/core/'],
  ['native/'],
  ['src/events/'],
  ['src/rules/', 'src/containers/', 'src/nats/', 'src/azure/', 'src/store/'],
  ['src/sources/', 'src/operators/', 'src/sinks/'],
  ['src/pipeline/plan/'],
  ['src/pipeline/run/'],
  ['src/testing/', 'src/index.ts'],
  ['src/cli/'],
];
const language = [
  ['language.ts', 'priority.ts'],
  ['source.ts', 'values/'],
  ['yaml/'],
  ['lists/'],
  ['syntax/'],
  ['check/'],
  ['judge/'],
  ['output/'],
  ['condition.ts'],
  ['analysis/'],
  ['files/'],
  ['explain/', 'ruleset.ts'],
  ['partial/'],
  ['index.ts'],
].map((layer) => layer.map((part) => `src/rules/${part}`));

type Import = { from: string; to: string };

function importsOf(pattern: string): Import[] {
  return globSync(pattern, { cwd: root }).flatMap((from) =>
    [...readFileSync(join(root, from), 'utf8').matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)'/gm)].map(
      ([, to]) => ({ from, to: join(dirname(from), to!) }),
    ),
  );
}

/** The imports that lead up, or to a neighbour; a file that has no place is one too. */
function astray(imports: Import[], layers: string[][]): string[] {
  const place = (file: string) => {
    const floor = layers.findIndex((parts) => parts.some((part) => file.startsWith(part)));
    return { floor, part: layers[floor]?.find((part) => file.startsWith(part)) };
  };
  return imports
    .filter(({ from, to }) => {
      const [above, below] = [place(from), place(to)];
      return above.floor < 0 || (below.part !== above.part && below.floor >= above.floor);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

describe('dependencies point one way', () => {
  it('between the parts of the product', () => {
    const imports = [...importsOf('src/**/*.ts'), ...importsOf('native/*.ts')].filter(
      ({ from }) => !from.startsWith('src/vendor/'),
    );
    expect(imports.length).toBeGreaterThan(3000);
    expect(astray(imports, product)).toEqual([]);
  });

  it('between the parts of the rule language', () => {
    const imports = importsOf('src/rules/**/*.ts').filter(({ to }) => to.startsWith('src/rules/'));
    expect(imports.length).toBeGreaterThan(400);
    expect(astray(imports, language)).toEqual([]);
  });

  it('and no component imports another', () => {
    const component = (file: string) =>
      /^src\/(?:sources|operators|sinks)\/(?!index|shared|formats)([a-z0-9-]+)/.exec(file)?.[1];
    const crossing = importsOf('src/{sources,operators,sinks}/**/*.ts').filter(({ from, to }) => {
      const [one, other] = [component(from), component(to)];
      return one !== undefined && other !== undefined && one !== other;
    });
    expect(crossing).toEqual([]);
  });
});
