/** Reading Azure records, whose keys come in any case (spec/cloud-sources.md §2.1). */

import { atAnyCase, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import type { CloudReader, MakeReader } from '../cloud/table.ts';

/** A path of keys in any case, with dots between. */
export function find({ document }: Pick<CloudEvent, 'document'>, keys: string): unknown {
  return atAnyCase(document, keys.split('.'));
}

/** The first of several paths where there is a scalar, as text. */
export function first(...paths: readonly string[]): CloudReader {
  const all = paths.map((keys) => keys.split('.'));
  return ({ document }) => {
    for (const keys of all) {
      const found = text(atAnyCase(document, keys));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

export const firstOf =
  (...paths: readonly string[]): MakeReader =>
  () =>
    first(...paths);

/** Text in lower case: Azure sends names in mixed case. */
export const lower =
  (read: CloudReader): MakeReader =>
  () =>
  (event) => {
    const found = read(event);
    return typeof found === 'string' ? found.toLowerCase() : undefined;
  };

/** The name of the operation, which some records have as a text and others as an object. */
export function operationOf(event: Pick<CloudEvent, 'document'>): string | undefined {
  const name = find(event, 'operationName');
  return text(name) ?? text(atAnyCase(name, ['value'])) ?? text(atAnyCase(name, ['localizedValue']));
}

export const categoryOf = (event: Pick<CloudEvent, 'document'>): string | undefined =>
  text(find(event, 'category')) ?? text(atAnyCase(find(event, 'category'), ['value']));

/** A claim by its key; a short name (`upn`) also finds the claim whose address ends with it. */
export function claimOf(event: CloudEvent, key: string): string | undefined {
  const claims = find(event, 'identity.claims');
  const exact = text(atAnyCase(claims, [key]));
  if (exact !== undefined || typeof claims !== 'object' || claims === null) return exact;
  const end = `/${key.toLowerCase()}`;
  const name = Object.keys(claims).find((each) => each.toLowerCase().endsWith(end));
  return name === undefined ? undefined : text((claims as Record<string, unknown>)[name]);
}
