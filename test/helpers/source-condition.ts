/** Makes Node take the packages beside the worker from their sources: no test needs a build. */
export const SOURCE_CONDITION = '--conditions=telestore-source'
