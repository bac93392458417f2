import type { DataCentres } from './data-centres.ts'
import type { MainConnection } from './main-connection.ts'
import type { Address } from './session.ts'

/** What is asked for needs the account's main connection, which another node has. */
export class MainConnectionNeeded extends Error {
  constructor() {
    super("only the account's main connection can do this")
    this.name = 'MainConnectionNeeded'
  }
}

/**
 * In place of a main connection where another node has it: there is none, but these addresses of the
 * account's home are known, on which connections may share its key.
 */
export function createNoMainConnection(dcId: number, media: readonly Address[]): MainConnection {
  const known: DataCentres = {
    main: needed,
    media: (wanted) => (wanted === dcId ? [...media] : []),
    cdn: needed,
  }
  return {
    open: async () => needed(),
    centres: async () => known,
    known,
    close: () => {},
  }
}

function needed(): never {
  throw new MainConnectionNeeded()
}
