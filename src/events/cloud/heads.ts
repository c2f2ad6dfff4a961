/** Keys of documents that are found without parsing them: they tell most events apart. */

export const headKeys = ['eventName', 'eventSource', 'eventTime', 'eventID', 'errorCode', 'eventType'] as const;

export type HeadKey = (typeof headKeys)[number];

/** Their texts. Undefined is absent, or null. */
export type Heads = { readonly [Key in HeadKey]: string | undefined };

export const isHeadKey = (key: string): key is HeadKey => (headKeys as readonly string[]).includes(key);
