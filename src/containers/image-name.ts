/** Names of images: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]` (distribution reference). */

import type { Image } from '../events/containers/container.ts';

export interface ImageName {
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Takes a name apart. An id of an image is no name: all is undefined. */
export function parseImageName(text: string): ImageName {
  const [rest = '', digest] = text.split('@', 2);
  if (rest === '' || /^(?:sha256:)?[0-9a-f]{64}$/.test(rest)) return { repository: undefined, tag: undefined, digest };
  // A colon before the last slash is a port's.
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  if (colon < 0) return { repository: rest, tag: undefined, digest };
  return { repository: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}

/** What can be said of an image whose container was started with `given`, by the names and digests that it has. */
export function imageOf(
  given: string,
  id: string | undefined,
  tags: readonly string[],
  digests: readonly string[],
): Image {
  const named = parseImageName(given);
  // Started by its id: then one of its names is as good as another.
  const first = named.repository === undefined ? parseImageName(tags[0] ?? digests[0] ?? '') : named;
  const own = digests.map(parseImageName);
  const digest = named.digest ?? (own.find(({ repository }) => repository === first.repository) ?? own[0])?.digest;
  // Without a tag `latest` is meant.
  const tag = first.tag ?? (first.digest === undefined && first.repository !== undefined ? 'latest' : undefined);
  return { given: given || undefined, id: id?.replace(/^sha256:/, ''), repository: first.repository, tag, digest };
}
