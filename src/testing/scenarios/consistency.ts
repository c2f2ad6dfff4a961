/** What no shape can say of a test: what belongs together. */

import type { Path } from '../../pipeline/plan/document.ts';
import type { Problem } from '../problems.ts';
import type { Item } from './cases.ts';
import type { ScenarioShape } from './schema.ts';
import { bindingOf, resourceFields, stepForms } from './steps.ts';

/** Names that are twice there, bindings that lead nowhere, what a resource lacks. */
export function* problemsOf(scenario: ScenarioShape): Generator<Problem> {
  const { context, resources, steps } = scenario;
  const processes = context?.processes ?? [];
  for (const [index, { capabilities }] of processes.entries()) {
    if (capabilities === undefined || index === processes.length - 1) continue;
    const path = ['context', 'processes', index, 'capabilities'];
    yield { path, message: 'Only the last process can have capabilities of its own' };
  }
  const fields = new Map<string, readonly string[]>();
  for (const [index, resource] of (resources ?? []).entries()) {
    const path: Path = ['resources', index];
    if (fields.has(resource.name))
      yield { path: [...path, 'name'], message: `There is another "${resource.name}" above` };
    if (resource.type === 'fd') {
      const needed = ({ file: 'filePath', directory: 'dirPath', memfd: 'fileName' } as const)[
        resource.subtype as 'file'
      ];
      if (needed && resource[needed] === undefined)
        yield { path, message: `A descriptor of subtype ${resource.subtype} needs ${needed}` };
    }
    if (resource.type === 'clientServer') yield* addressProblems(resource, path);
    const kind = resource.type === 'fd' && resource.subtype === 'pipe' ? 'pipe' : resource.type;
    fields.set(resource.name, resourceFields[kind] ?? []);
  }
  for (const [index, step] of (steps ?? []).entries()) {
    const path: Path = ['steps', index];
    if (fields.has(step.name)) yield { path: [...path, 'name'], message: `There is another "${step.name}" above` };
    const args = step.args as Item;
    for (const [key, value] of [...Object.entries(args), ...Object.entries((args.how ?? {}) as Item)]) {
      const binding = bindingOf(value);
      if (binding === undefined) continue;
      const known = fields.get(binding.name);
      const at = [...path, 'args', key];
      if (known === undefined) yield { path: at, message: `No resource and no step above is named "${binding.name}"` };
      else if (!known.includes(binding.field))
        yield {
          path: at,
          message: `"${binding.name}" has no ${binding.field}; it has ${known.join(', ') || 'nothing'}`,
        };
    }
    fields.set(step.name, stepForms[step.syscall as string]?.returns ? ['ret'] : []);
  }
}

function* addressProblems(
  { l4Proto, address }: { readonly l4Proto: string; readonly address?: string | undefined },
  path: Path,
): Generator<Problem> {
  const at: Path = address === undefined ? path : [...path, 'address'];
  if (l4Proto === 'unix') {
    if (address) yield { path: at, message: 'A unix socket gets an address of its own: leave it empty' };
    return;
  }
  const wanted = l4Proto.endsWith('6') ? '[2001:db8::1]:80' : '192.0.2.1:80';
  const fits = address && !address.startsWith('unix:') && address.startsWith('[') === l4Proto.endsWith('6');
  if (!fits) yield { path: at, message: `${l4Proto} needs an address such as ${wanted}` };
}
