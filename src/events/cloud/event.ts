/** The cloud object: the form of events that are parsed JSON documents (design §4). */

import { hostName } from '../../core/host.ts';
import { catalogues } from '../catalogue.ts';
import type { Event, FieldRef, Form, Value } from '../field.ts';
import { NODE } from '../origin.ts';
import { EventRecord } from '../record.ts';
import type { JsonObject } from './document.ts';
import { type HeadKey, type Heads, headKeys } from './heads.ts';
import { cloudSources } from './sources.ts';
import type { CloudReader, Origin } from './table.ts';

const host = hostName();
let made = 0;

/** What an event is made of. It may be worked out when somebody asks: most events are of no interest. */
export interface Content {
  /** ns since the epoch. */
  readonly time: bigint;
  readonly id: string | undefined;
  readonly document: JsonObject;
  readonly origin?: Origin | undefined;
  readonly heads?: Heads | undefined;
}

/** An event that is a document, as its service has written it. */
export class CloudEvent implements Event {
  readonly source: string;
  readonly type: string;
  /** Counts from 1 since the start. */
  readonly number = ++made;
  readonly #content: Content;

  constructor(source: string, type: string, content: Content) {
    this.source = source;
    this.type = type;
    this.#content = content;
  }

  get time(): bigint {
    return this.#content.time;
  }

  /** The same each time that the event is delivered; undefined where its service gives it none. */
  get id(): string | undefined {
    return this.#content.id;
  }

  get document(): JsonObject {
    return this.#content.document;
  }

  get origin(): Origin | undefined {
    return this.#content.origin;
  }

  /** A value of the document itself; of those that are known before it is parsed only texts. */
  top(key: HeadKey): unknown {
    const { heads } = this.#content;
    return heads ? heads.text(headKeys.indexOf(key)) : this.document[key];
  }

  /** What is known of the document without parsing it; undefined where that is nothing. */
  get heads(): Heads | undefined {
    return this.#content.heads;
  }

  get(field: string): Value | undefined {
    return cloudForm(this.source).readerOf(field)?.(this);
  }
}

/** The form of one event source. */
export class CloudForm implements Form<CloudEvent> {
  readonly name: string;
  readonly numbersFromOne = true;
  readonly #source: string;
  readonly #makers: ReadonlyMap<string, (arg: string | undefined) => CloudReader>;
  readonly #byText = new Map<string, CloudReader | undefined>();
  readonly #plans = new WeakMap<readonly string[], readonly (readonly [string, CloudReader])[]>();

  constructor(source: string) {
    this.name = `cloud ${source}`;
    this.#source = source;
    const own = cloudSources.get(source)?.fields.map(({ field, read }) => [field.name, read] as const) ?? [];
    this.#makers = new Map([[NODE, () => () => host], ...own]);
  }

  reader({ field, arg }: FieldRef): CloudReader | undefined {
    return this.#makers.get(field.name)?.(arg);
  }

  cost({ field: { name } }: FieldRef): number {
    return CHEAP.has(name) ? 1 : 4;
  }

  /** The reader of a field by its text; undefined when there is none. */
  readerOf(text: string): CloudReader | undefined {
    if (this.#byText.has(text)) return this.#byText.get(text);
    const ref = catalogues.get(this.#source)?.find(text);
    const reader = ref && this.reader(ref);
    this.#byText.set(text, reader);
    return reader;
  }

  /** A record with just these fields, absent ones left out. The same array of fields is prepared only once. */
  keep(event: CloudEvent, fields: readonly string[]): EventRecord {
    let plan = this.#plans.get(fields);
    if (plan === undefined) {
      plan = fields.flatMap((text) => {
        const reader = this.readerOf(text);
        return reader === undefined ? [] : [[text, reader] as const];
      });
      this.#plans.set(fields, plan);
    }
    const values: Record<string, Value> = {};
    for (const [text, read] of plan) {
      const value = read(event);
      if (value !== undefined) values[text] = value;
    }
    return new EventRecord(event.source, event.type, event.time, values);
  }
}

/** Keys of the document itself that tell most events apart. */
const CHEAP: ReadonlySet<string> = new Set([NODE, 'ct.name', 'ct.src', 'ct.error', 'ka.verb', 'ka.stage', 'evt.type']);

const forms = new Map<string, CloudForm>();

/** The form of the events of an event source. */
export function cloudForm(source: string): CloudForm {
  let form = forms.get(source);
  if (form === undefined) forms.set(source, (form = new CloudForm(source)));
  return form;
}

/** Whether events of the source can have the field at all: a rule that depends on another one cannot fire on them. */
export function cloudFills(source: string, field: string): boolean {
  return cloudForm(source).readerOf(field) !== undefined;
}

/** Fields that the way tells which an event came by; the document has none of it. */
const TOLD = /^(azure\.eventhub\.|vcd\.(topic|transport)$)/;

/** As cloudFills, where documents come alone. */
export function documentFills(source: string, field: string): boolean {
  return !TOLD.test(field) && cloudFills(source, field);
}
