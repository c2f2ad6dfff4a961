/** From what the cloud worker gives to events. */

import type { SourceContext } from '../../core/component.ts';
import { decodeRecord } from '../../events/aws/record.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { JsonObject } from '../../events/cloud/document.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { type Heads, headKeys } from '../../events/cloud/heads.ts';
import { parseJson } from '../../events/exact-json.ts';
import { ABSENT, END, HEADS, PARSE, type Pack, type Problem, rowWidth, START } from '../shared/cloud-worker/pack.ts';
import type { LentPack } from '../shared/cloud-worker/unpack.ts';

const WIDTH = rowWidth(headKeys.length);

/** The bytes of a pack, until it is released. */
class Bytes {
  #bytes: Buffer | undefined;

  constructor({ bytes }: Pack) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  text(from: number, to: number): string {
    if (this.#bytes === undefined)
      throw new Error('this event has settled, and is there no longer: make a record of it');
    return this.#bytes.toString('utf8', from, to);
  }

  release(): void {
    this.#bytes = undefined;
  }
}

export interface PackedEvents {
  readonly events: readonly CloudEvent[];
  /** Records that are whole, and no events. */
  readonly problems: readonly Problem[];
  /** They have settled: nobody reads them any more. */
  release(): void;
}

/** The events of a pack, in order. */
export function eventsOf(pack: LentPack, ctx: Pick<SourceContext, 'now'>): PackedEvents {
  const { rows } = pack;
  const bytes = new Bytes(pack);
  const received = BigInt(ctx.now()) * 1_000_000n;
  const events: CloudEvent[] = [];
  const problems: Problem[] = [];
  for (let row = 0; row < rows.length; row += WIDTH) {
    const start = rows[row + START] as number;
    const end = rows[row + END] as number;
    const document = () => parseJson(bytes.text(start, end)) as JsonObject;
    const decoded =
      rows[row + PARSE] === 1
        ? decodeDocument('aws_cloudtrail', document(), received)
        : decodeRecord(new RecordHeads(bytes, rows, row), document, received);
    if ('event' in decoded) events.push(decoded.event);
    else problems.push({ text: bytes.text(start, end), reason: 'bad_record', message: decoded.problem });
  }
  const release = () => {
    bytes.release();
    pack.release();
  };
  return { events, problems, release };
}

/** The heads of one record. The name is asked for by every rule; the others are read when somebody asks. */
class RecordHeads implements Heads {
  readonly eventName: string | undefined;
  readonly #bytes: Bytes;
  readonly #rows: Uint32Array;
  readonly #row: number;

  constructor(bytes: Bytes, rows: Uint32Array, row: number) {
    this.#bytes = bytes;
    this.#rows = rows;
    this.#row = row;
    this.eventName = this.#head(0);
  }

  get eventSource() {
    return this.#head(1);
  }
  get eventTime() {
    return this.#head(2);
  }
  get eventID() {
    return this.#head(3);
  }
  get errorCode() {
    return this.#head(4);
  }
  get eventType() {
    return this.#head(5);
  }

  /** By the place in headKeys. */
  #head(key: number): string | undefined {
    const at = this.#row + HEADS + key * 2;
    const from = this.#rows[at] as number;
    if (from === ABSENT) return undefined;
    const start = this.#rows[this.#row + START] as number;
    return this.#bytes.text(start + from, start + (this.#rows[at + 1] as number));
  }
}
