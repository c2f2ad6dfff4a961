/** Where partitions are read from, and whose they are: in Azure Blob for several replicas, or in our own state for one. */

import type { CheckpointStore } from '../../azure/event-hubs.ts';

/** A place in a partition: the event there is the last that has been dealt with. */
export interface Place {
  readonly offset: string;
  readonly sequence: number;
}

export type Places = Readonly<Record<string, Place>>;

type Ownership = Awaited<ReturnType<CheckpointStore['listOwnership']>>[number];
type Checkpoint = Awaited<ReturnType<CheckpointStore['listCheckpoints']>>[number];

/** Keeps places in our own state. Every partition is ours: nobody else looks here. */
export class OwnStore implements CheckpointStore {
  readonly #advance: (places: Places) => void;
  readonly #owned = new Map<string, Ownership>();
  #places: Places;
  #tags = 0;

  constructor(places: Places, advance: (places: Places) => void) {
    this.#places = places;
    this.#advance = advance;
  }

  async listOwnership(): Promise<Ownership[]> {
    return [...this.#owned.values()].map((each) => ({ ...each }));
  }

  async claimOwnership(asked: Ownership[]): Promise<Ownership[]> {
    const claimed = asked.map((each) => ({ ...each, lastModifiedTimeInMs: Date.now(), etag: String(++this.#tags) }));
    for (const each of claimed) this.#owned.set(each.partitionId, each);
    return claimed;
  }

  async updateCheckpoint({ partitionId, offset, sequenceNumber: sequence }: Checkpoint): Promise<void> {
    this.#places = { ...this.#places, [partitionId]: { offset, sequence } };
    this.#advance(this.#places);
  }

  async listCheckpoints(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
  ): Promise<Checkpoint[]> {
    const where = { fullyQualifiedNamespace, eventHubName, consumerGroup };
    return Object.entries(this.#places).map(([partitionId, { offset, sequence }]) => ({
      ...where,
      partitionId,
      offset,
      sequenceNumber: sequence,
    }));
  }
}

export interface Hooks {
  /** A partition is about to be read, from behind this place where it was read before. Resolves to where it really is. */
  claimed(partition: string, place: Place | undefined): Promise<Place | undefined>;
  /** Whether it is being read. */
  reads(partition: string): boolean;
  /** Service and store have answered. */
  well(): void;
}

/** What the SDK sees of a store: it tells us what is claimed, and lets go at once of what failed. */
export class Claims implements CheckpointStore {
  readonly #store: CheckpointStore;
  readonly #hooks: Hooks;
  readonly #owned = new Map<string, Ownership>();
  readonly #places = new Map<string, Place | undefined>();
  /** Ends what the SDK still waits for. */
  readonly #waiting = new Set<(why: Error) => void>();
  #claiming: Promise<unknown> = Promise.resolve();
  #leaving = false;
  #left = false;

  constructor(store: CheckpointStore, hooks: Hooks) {
    this.#store = store;
    this.#hooks = hooks;
  }

  async listOwnership(...where: [string, string, string]): Promise<Ownership[]> {
    if (this.#left) return [];
    const listed = await this.#asked(this.#store.listOwnership(...where));
    this.#hooks.well();
    return listed;
  }

  async claimOwnership(asked: Ownership[]): Promise<Ownership[]> {
    if (this.#left) return [];
    // Who leaves only lets go.
    const wanted = this.#leaving ? asked.filter(({ ownerId }) => ownerId === '') : asked;
    const claiming = this.#asked(this.#store.claimOwnership(wanted));
    this.#claiming = claiming.catch(() => {});
    const claimed = await claiming;
    for (const each of claimed) this.#owned.set(each.partitionId, { ...each });
    for (const { partitionId, ownerId, fullyQualifiedNamespace, eventHubName, consumerGroup } of claimed) {
      // Claims are renewed while a partition is read, and blank when it is left.
      if (ownerId === '' || this.#hooks.reads(partitionId)) continue;
      const all = await this.#asked(this.#store.listCheckpoints(fullyQualifiedNamespace, eventHubName, consumerGroup));
      const stored = all.find((each) => each.partitionId === partitionId);
      const place = stored && { offset: stored.offset, sequence: stored.sequenceNumber };
      try {
        this.#places.set(partitionId, await this.#hooks.claimed(partitionId, place));
      } catch (error) {
        // What is ours and not read would be left alone until it expires.
        await this.release(partitionId).catch(() => {});
        throw error;
      }
    }
    return claimed;
  }

  // Asked for once for every partition that is claimed, right after it.
  async listCheckpoints(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
  ): Promise<Checkpoint[]> {
    return [...this.#places].flatMap(([partitionId, place]) =>
      place
        ? [
            {
              fullyQualifiedNamespace,
              eventHubName,
              consumerGroup,
              partitionId,
              offset: place.offset,
              sequenceNumber: place.sequence,
            },
          ]
        : [],
    );
  }

  updateCheckpoint(checkpoint: Checkpoint): Promise<void> {
    return this.#store.updateCheckpoint(checkpoint);
  }

  /** Stores where a partition stands. */
  async store(partition: string, { offset, sequence }: Place): Promise<void> {
    const owned = this.#owned.get(partition);
    if (!owned) return;
    const { fullyQualifiedNamespace, eventHubName, consumerGroup } = owned;
    const where = { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId: partition };
    await this.#store.updateCheckpoint({ ...where, offset, sequenceNumber: sequence });
  }

  /** Lets go of a partition, so that it is claimed again, by whomever, without waiting for its ownership to expire. */
  async release(partition: string): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned) await this.#store.claimOwnership([{ ...owned, ownerId: '' }]);
  }

  /**
   * Lets go of all partitions, and takes none any more. Of one that somebody else has taken the store knows better. Rejects
   * where one could not be let go, when all others were.
   */
  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#claiming;
    const released = await Promise.allSettled([...this.#owned.keys()].map((partition) => this.release(partition)));
    const failed = released.find(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }

  /** The store is asked nothing any more, and nobody waits for it: who closes the hub asks it once more, also one that is away. */
  end(): void {
    this.#leaving = this.#left = true;
    for (const reject of this.#waiting) reject(new Error('the source stops'));
  }

  #asked<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      answer.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}
