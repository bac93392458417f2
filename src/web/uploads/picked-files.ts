import { getDroppedFiles } from '@uppy/core/utils'
import type { FileHandle } from './file-handles.ts'

/** A file the user has dropped or chosen. */
export interface PickedFile {
  file: File
  relativePath: string
  handle: FileHandle | null
}

type OpenPicker = (options: { multiple: boolean }) => Promise<FileHandle[]>

/** Returns a function that lets the user choose files with handles; null where the browser has no such API. */
export function findOpenPicker(): (() => Promise<PickedFile[]>) | null {
  const open: unknown = Reflect.get(window, 'showOpenFilePicker')
  if (typeof open !== 'function') return null
  return async () => {
    try {
      const handles = await (open as OpenPicker).call(window, { multiple: true })
      return await Promise.all(
        handles.map(async (handle) => ({
          file: await handle.getFile(),
          relativePath: '',
          handle,
        })),
      )
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return []
      throw error
    }
  }
}

export function filesOfInput(files: FileList): PickedFile[] {
  return [...files].map((file) => ({
    file,
    relativePath: file.webkitRelativePath,
    handle: null,
  }))
}

/** Resolves with all dropped files, also those in folders. */
export async function filesOfDrop(transfer: DataTransfer): Promise<PickedFile[]> {
  // The browser empties the items when the event is over, so both are read before the first await.
  const handles = [...transfer.items].map(handleOf)
  const dropped = getDroppedFiles(transfer)
  const opened = await Promise.all(handles.map((handle) => handle.then(openFile, () => null)))
  return (await dropped).map((file) => {
    const path: unknown = Reflect.get(file, 'relativePath')
    const match = path ? null : opened.find((each) => each !== null && isSame(each.file, file))
    return {
      file,
      relativePath: typeof path === 'string' ? path : '',
      handle: match?.handle ?? null,
    }
  })
}

async function handleOf(item: DataTransferItem): Promise<FileHandle | null> {
  // Chromium has crashed on this without HTTPS (transloadit/uppy#4133).
  if (!isSecureContext || item.kind !== 'file') return null
  const ask: unknown = Reflect.get(item, 'getAsFileSystemHandle')
  if (typeof ask !== 'function') return null
  return (ask as () => Promise<FileHandle | null>).call(item)
}

async function openFile(
  handle: FileHandle | null,
): Promise<{ handle: FileHandle; file: File } | null> {
  if (handle?.kind !== 'file') return null
  return { handle, file: await handle.getFile() }
}

export function isSame(
  one: { name: string; size: number; lastModified: number },
  other: { name: string; size: number; lastModified: number },
): boolean {
  return (
    one.name === other.name && one.size === other.size && one.lastModified === other.lastModified
  )
}
