import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { LibraryChanging } from '../../core/library/changes/library-changes.ts'
import { parseFolderPath } from '../../core/model/library/folder-path.ts'
import { parseWire } from '../bodies/validation.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import { LibraryItemParams } from '../schemas/library.ts'
import {
  copyItems,
  DeleteFolderQuery,
  DeleteItemsFields,
  deleteFolder,
  deleteItem,
  deleteItems,
  FolderQuery,
  MoveFolderFields,
  makeFolder,
  moveFolder,
  moveItems,
  NewFolderFields,
  PlaceFields,
  placeItem,
  TargetFields,
} from '../schemas/library-changes.ts'
import { toFolder, toItem } from './library.ts'

export interface LibraryChangesRoutesOptions {
  changing: LibraryChanging
}

/** Of one token: each is at least one request to Telegram, which takes far fewer. */
const MAX_PER_MINUTE = 600

/** What users change in the channel (CONTRACT.md, section 7). */
export const libraryChangesRoutes: FastifyPluginAsync<LibraryChangesRoutesOptions> = async (
  app,
  { changing },
) => {
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'changes' })
  const inJson = { presents: { token: 'json' } } as const
  const inHeader = { presents: {} }

  async function tokenOf(request: FastifyRequest): Promise<string> {
    const token = requireToken(request)
    await countCall(request)
    return token
  }

  app.patch('/library/:messageId', { schema: placeItem, config: inJson }, async (request) => {
    const { messageId } = parseWire(LibraryItemParams, request.params)
    const { fileName, folder } = parseWire(PlaceFields, request.body)
    const place = {
      ...(fileName !== undefined && { fileName }),
      ...(folder !== undefined && { folder: parseFolderPath(folder, 'folder') }),
    }
    const { file, key } = await changing.placeFile(await tokenOf(request), messageId, place)
    return toItem(file, key)
  })

  const deleting = { schema: deleteItem, config: inHeader }
  app.delete('/library/:messageId', deleting, async (request, reply) => {
    const { messageId } = parseWire(LibraryItemParams, request.params)
    await changing.deleteFile(await tokenOf(request), messageId)
    return reply.code(204).send()
  })

  const making = { schema: makeFolder, config: inJson }
  app.post('/library/folders', making, async (request, reply) => {
    const path = parseFolderPath(parseWire(NewFolderFields, request.body).path, 'path')
    const { folder, isNew } = await changing.makeFolder(await tokenOf(request), path)
    return reply.code(isNew ? 201 : 200).send(toFolder(folder))
  })

  const moving = { schema: moveFolder, config: inJson }
  app.patch('/library/folders', moving, async (request) => {
    const from = parseFolderPath(parseWire(FolderQuery, request.query).path, 'path')
    const to = parseFolderPath(parseWire(MoveFolderFields, request.body).path, 'path')
    return toFolder(await changing.moveFolder(await tokenOf(request), from, to))
  })

  const emptying = { schema: deleteFolder, config: inHeader }
  app.delete('/library/folders', emptying, async (request, reply) => {
    const query = parseWire(DeleteFolderQuery, request.query)
    const path = parseFolderPath(query.path, 'path')
    const how = { recursive: query.recursive === 'true' }
    const job = await changing.deleteFolder(await tokenOf(request), path, how)
    return job === null ? reply.code(204).send() : reply.code(202).send(job)
  })

  for (const [kind, schema] of [
    ['move', moveItems],
    ['copy', copyItems],
  ] as const) {
    app.post(`/library/${kind}`, { schema, config: inJson }, async (request, reply) => {
      const { items, folder } = parseWire(TargetFields, request.body)
      const wanted = { kind, messageIds: items, folder: parseFolderPath(folder, 'folder') }
      return reply.code(202).send(await changing.startJob(await tokenOf(request), wanted))
    })
  }

  const ending = { schema: deleteItems, config: inJson }
  app.post('/library/delete', ending, async (request, reply) => {
    const { items } = parseWire(DeleteItemsFields, request.body)
    const wanted = { kind: 'delete', messageIds: items, folder: null } as const
    return reply.code(202).send(await changing.startJob(await tokenOf(request), wanted))
  })
}
