/** Keys of documents that are found without parsing them: they tell most events apart. */

export const headKeys = ['eventName', 'eventSource', 'eventTime', 'eventID', 'errorCode', 'eventType'] as const;

export type HeadKey = (typeof headKeys)[number];

export interface Heads {
  /** The text of a key, by its place in headKeys; undefined where it is absent, or null. */
  text(place: number): string | undefined;
}

export const isHeadKey = (key: string): key is HeadKey => (headKeys as readonly string[]).includes(key);
