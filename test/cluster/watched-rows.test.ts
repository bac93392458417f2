import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLeases } from '../../src/storage/postgres/cluster/leases.ts'
import { openDatabase } from '../../src/storage/postgres/database.ts'
import { openTestLedger } from '../helpers/cluster/postgres-ledger.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { insertUpload } from '../helpers/storage/insert-upload.ts'
import { failure, makeUpload } from '../helpers/upload.ts'

const missing = missingPrograms('postgres')

describe.skipIf(missing !== '')(`the rows of what is watched${missing}`, () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('watched')
  })
  afterAll(() => server.stop())

  test('are those that are named, and what the owners have that goes on or ended just now', async () => {
    const ledger = await openTestLedger(server, { database: 'watched' })
    const open = async (id: string, owner: string) => {
      const upload = makeUpload({ id, owner })
      await insertUpload(ledger, upload, 'token')
      return upload
    }
    for (const id of ['a', 'b', 'old', 'new']) await open(id, 'ann')
    await open('c', 'bob')
    await open('d', 'cleo')
    const now = await ledger.databaseTime()
    await ledger.failUpload('old', failure('why', now - 60_000))
    await ledger.failUpload('new', failure('why', now - 1_000))
    await ledger.claimTransfer({ uploadId: 'a', account: 'account:x', node: 'http://node-1' })
    const key = { owner: 'ann', channelId: '-1001' }
    const items = [{ messageId: 7, isFolder: false, captionId: null }]
    const job = { key, kind: 'delete', target: null, items, token: 'token', now } as const
    await ledger.openLibraryJob({ ...job, id: 'library-1' }, 9)
    await ledger.openLibraryJob({ ...job, id: 'library-2', key: { ...key, owner: 'bob' } }, 9)
    const log = createRecordingLog()
    const database = openDatabase({ url: server.urlOf('watched'), log, maxConnections: 2 })
    const leases = await openLeases({ database, self: 'http://node-2', log })
    await leases.acquire('job:library-1')

    const { uploads, jobs } = await ledger.watchedRows({
      ids: ['c', 'old', 'nothing'],
      owners: ['ann'],
    })
    const empty = await ledger.watchedRows({ ids: [], owners: [] })
    await leases.close()
    await database.close()

    expect(uploads.map(({ upload, carrier }) => [upload.id, carrier]).toSorted()).toEqual([
      ['a', 'http://node-1'],
      ['b', null],
      ['c', null],
      ['new', null],
      ['old', null],
    ])
    expect(jobs.map(({ job: { id }, carrier }) => [id, carrier])).toEqual([
      ['library-1', 'http://node-2'],
    ])
    expect(empty).toEqual({ uploads: [], jobs: [] })
  })
})
