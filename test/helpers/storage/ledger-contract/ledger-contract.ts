import { describe } from 'vitest'
import { keepsArchives } from './archives.ts'
import { keepsClock } from './clock.ts'
import { decidesTogether } from './decisions.ts'
import { endsUploads } from './endings.ts'
import type { MakeLedger } from './fixtures.ts'
import { keepsLibraries } from './library.ts'
import { keepsLibraryJobs } from './library-jobs.ts'
import { keepsLibraryVolumes } from './library-volumes.ts'
import { keepsShares } from './shares.ts'
import { keepsStreams } from './streams.ts'
import { keepsTickets } from './tickets.ts'
import { keepsTransfers } from './transfers.ts'
import { keepsUploads } from './uploads.ts'
import { keepsVolumes } from './volumes.ts'

/** What every ledger promises. */
export function describeLedger(name: string, make: MakeLedger): void {
  describe(name, () => {
    keepsUploads(make)
    endsUploads(make)
    keepsStreams(make)
    keepsTransfers(make)
    keepsVolumes(make)
    keepsTickets(make)
    keepsArchives(make)
    keepsShares(make)
    keepsClock(make)
    keepsLibraries(make)
    keepsLibraryVolumes(make)
    keepsLibraryJobs(make)
    decidesTogether(make)
  })
}
