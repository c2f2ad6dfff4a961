/** The components that a pipeline may use, by kind and type. */

import {
  type AnyDefinition,
  brand,
  type OperatorDefinition,
  type SinkDefinition,
  type SourceDefinition,
} from '../core/component.ts';
import { exitCode, UserError } from '../core/errors.ts';
import { operators } from '../operators/index.ts';
import { sinks } from '../sinks/index.ts';
import { sources } from '../sources/index.ts';
import { sectionKeys } from './shape.ts';

export class Registry {
  readonly sources = new Map<string, SourceDefinition>();
  readonly operators = new Map<string, OperatorDefinition>();
  readonly sinks = new Map<string, SinkDefinition>();

  /** Adds a definition. Throws a UserError (exit 78) when it is none, or when its type is taken. `from` is named in it. */
  add(definition: unknown, from: string): void {
    const wrong = (message: string) => new UserError(`${from}: ${message}`, { exit: exitCode.config });
    if (!isDefinition(definition)) {
      throw wrong('the default export is not a component; export default defineOperator({…}), or an array of such');
    }
    const { type, config } = definition as { type: unknown; config: unknown };
    if (typeof type !== 'string' || !/^[a-z][a-z0-9_]*$/.test(type)) {
      throw wrong(`the type ${JSON.stringify(type)} is not snake_case`);
    }
    if (typeof config !== 'object' || config === null || !('shape' in config)) {
      throw wrong(`the config of ${type} must be z.strictObject({…})`);
    }
    const reserved = ['type', ...Object.keys(sectionKeys[`${definition.kind}s`])].find(
      (key) => key in (config as { shape: object }).shape,
    );
    if (reserved)
      throw wrong(
        `the config of ${type} defines "${reserved}", a key that every ${definition.kind} has; call yours otherwise`,
      );
    const kinds = { source: this.sources, operator: this.operators, sink: this.sinks };
    const byType = kinds[definition.kind] as Map<string, AnyDefinition>;
    if (byType.has(type)) throw wrong(`there is a ${definition.kind} of type ${type} already; give yours another name`);
    byType.set(type, definition);
  }
}

function isDefinition(value: unknown): value is AnyDefinition {
  return typeof value === 'object' && value !== null && 'brand' in value && value.brand === brand;
}

/** The components that come with falco-pipe. */
export function builtIn(): Registry {
  const registry = new Registry();
  for (const definition of [...sources, ...operators, ...sinks]) registry.add(definition, 'falco-pipe');
  return registry;
}
