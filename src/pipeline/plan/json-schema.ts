/** JSON Schema of pipeline files, made of the same schemas that check them. */

import { z } from 'zod';
import type { Registry } from './registry.ts';
import { componentShape, fileShape, type Section } from './shape.ts';

type JsonSchema = Record<string, unknown>;

/** The schema (draft 2020-12) of a pipeline whose components are those of a registry. */
export function pipelineSchema(registry: Registry): JsonSchema {
  const top = z.toJSONSchema(fileShape, { io: 'input' }) as {
    properties: Record<Section, { additionalProperties: unknown }>;
  };
  for (const section of ['sources', 'operators', 'sinks'] as const) {
    const definitions = [...registry[section].values()];
    top.properties[section].additionalProperties = {
      oneOf: definitions.map((definition) => componentSchema(section, definition)),
    };
  }
  return { ...top, title: 'A falco-pipe pipeline' };
}

function componentSchema(
  section: Section,
  definition: { type: string; summary: string; config: z.ZodType },
): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(componentShape(section, definition.type, definition.config), {
    io: 'input',
    // Components that people write may check what JSON Schema cannot say.
    unrepresentable: 'any',
  });
  return { ...schema, title: definition.type, description: definition.summary };
}
