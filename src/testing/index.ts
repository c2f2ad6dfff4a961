/** What authors of components test with. */

export { runSteps } from './run-steps.ts';
