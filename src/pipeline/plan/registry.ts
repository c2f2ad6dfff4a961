/** The components that a pipeline may use, by kind and type. */

import type { z } from 'zod';
import {
  type AnyDefinition,
  brand,
  type OperatorDefinition,
  type SinkDefinition,
  type SourceDefinition,
} from '../../core/component.ts';
import { exitCode, UserError } from '../../core/errors.ts';
import { operators } from '../../operators/index.ts';
import { sinks } from '../../sinks/index.ts';
import { sources } from '../../sources/index.ts';
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
    const { kind, type, config } = definition;
    if (typeof type !== 'string' || !/^[a-z][a-z0-9_]*$/.test(type)) {
      throw wrong(`the type ${JSON.stringify(type)} is not snake_case`);
    }
    // Any other object would let misspelt keys pass.
    if (!isStrictObject(config)) throw wrong(`the config of ${type} must be z.strictObject({…})`);
    const missing = METHODS[kind].find((name) => typeof (definition as never)[name] !== 'function');
    if (missing !== undefined) throw wrong(`the ${kind} ${type} has no method ${missing}`);
    const reserved = ['type', ...Object.keys(sectionKeys[`${kind}s`])].find((key) => key in config.shape);
    if (reserved) {
      throw wrong(`the config of ${type} defines "${reserved}", a key that every ${kind} has; call yours otherwise`);
    }
    const kinds = { source: this.sources, operator: this.operators, sink: this.sinks };
    const byType = kinds[kind] as Map<string, AnyDefinition>;
    if (byType.has(type)) throw wrong(`the ${kind} type ${type} is taken; give yours another name`);
    byType.set(type, definition);
  }
}

/** What each kind must be able to do. */
const METHODS = { source: ['emits', 'open'], operator: ['create'], sink: ['open'] } as const;

function isDefinition(value: unknown): value is AnyDefinition {
  if (typeof value !== 'object' || value === null || !('brand' in value && value.brand === brand)) return false;
  return 'kind' in value && Object.hasOwn(METHODS, value.kind as string);
}

function isStrictObject(config: z.ZodType | undefined): config is z.ZodObject {
  const { def, shape } = (config ?? {}) as Partial<z.ZodObject>;
  return shape !== undefined && (def?.catchall as z.ZodType | undefined)?.def.type === 'never';
}

/** The components that come with falco-pipe. */
export function builtIn(): Registry {
  const registry = new Registry();
  for (const definition of [...sources, ...operators, ...sinks]) registry.add(definition, 'falco-pipe');
  return registry;
}
