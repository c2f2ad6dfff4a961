/** Opens the stage that tests ask for: on this machine, with the users they need, or in a container. */

import type { TestContext } from '../test-kind.ts';
import { engineSocket, openContainerStage } from './engine.ts';
import type { Scenario } from './load.ts';
import { openHostStage, type Stage } from './stage.ts';
import { makeUsers, usersOf } from './users.ts';

export interface OpenStage {
  readonly stage: Stage;
  /** Where its container is known. */
  readonly engine?: string;
  /** Users that there are not, and why. */
  readonly missing?: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Of tests that ask for the same. @throws NoEngine, ContainerFailed */
export async function openStage(group: readonly Scenario[], context: TestContext): Promise<OpenStage> {
  const container = group[0]?.context?.container;
  if (container) {
    const engine = engineSocket(context.engine);
    return { ...(await openContainerStage(engine, container, usersOf(group))), engine };
  }
  const { missing, remove: removeUsers } = makeUsers(usersOf(group));
  try {
    const stage = await openHostStage();
    const close = async () => {
      await stage.close();
      removeUsers();
    };
    return { stage, missing, close };
  } catch (error) {
    removeUsers();
    throw error;
  }
}
