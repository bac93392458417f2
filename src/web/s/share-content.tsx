import { useState } from 'preact/hooks'
import { countOf, formatBytes } from '../format.ts'
import { canBeShown, type FileKind, kindOfItem } from '../library/file-kind.ts'
import { crumbsOf, hashOf, ROOT } from '../library/place.ts'
import { ViewerDialog } from '../ui/dialogs/lazy-viewer.ts'
import type { ViewedFile } from '../ui/dialogs/viewer-dialog.tsx'
import { Icon } from '../ui/icon.tsx'
import type { Share, SharedFile, SharedFiles, SharedFolder } from './share.ts'

export interface ShareContentProps {
  share: Share
  content: SharedFiles
  folder: string
  heading: { current: HTMLHeadingElement | null }
  /** The next page of the list is wanted. */
  onMore: () => void
  /** A file was downloaded, or looked at. */
  onTaken: () => void
}

/** The counts that a download changes are asked for once it has begun. */
const TAKEN_MS = 2_000

/** What is in the share: one file large, several as a list. */
export function ShareContent(props: ShareContentProps) {
  const { share, content, folder, heading, onMore, onTaken } = props
  const { items, folders, isFolder, title, next, total } = content
  const [shown, setShown] = useState<SharedFile | null>(null)
  const [only] = items
  const isAlone = !isFolder && items.length === 1 && only !== undefined
  const name = title ?? (isAlone ? only.fileName : 'Files for you')
  const taken = (): void => void setTimeout(onTaken, TAKEN_MS)
  const files = items.filter((file) => canBeShown(kindOfItem(file)))

  return (
    <section class="card share-card" aria-labelledby="share-title">
      <h1 id="share-title" ref={heading} tabIndex={-1}>
        <bdi>{name}</bdi>
      </h1>
      <LeftWords left={content.downloadsLeft} />
      {folder !== '/' && <Crumbs folder={folder} name={name} />}
      {isAlone && (
        <OneFile
          share={share}
          file={only}
          showsName={title !== null}
          onShow={() => setShown(only)}
          onTaken={taken}
        />
      )}
      {!isAlone && items.length + folders.length > 0 && (
        <p>
          <a class="button main share-all" href={share.archiveOf(folder)} download onClick={taken}>
            <Icon name="download" />
            {folder === '/' ? `Download all · ${formatBytes(total.bytes)}` : 'Download this folder'}
          </a>
        </p>
      )}
      {!isAlone && (
        <ul class="rows share-rows">
          {folders.map((each) => (
            <FolderRow key={each.path} folder={each} />
          ))}
          {items.map((file) => (
            <FileRow
              key={file.messageId}
              share={share}
              file={file}
              onShow={() => setShown(file)}
              onTaken={taken}
            />
          ))}
        </ul>
      )}
      {items.length === 0 && folders.length === 0 && (
        <p class="dim">{folder === '/' && !isFolder ? GONE : 'There is nothing in this folder.'}</p>
      )}
      {next !== null && (
        <button type="button" class="button" onClick={onMore}>
          Show more
        </button>
      )}
      {shown !== null && (
        <ViewerDialog
          file={shown}
          files={files}
          links={linksOf(share, taken)}
          onGo={({ messageId }) =>
            setShown(files.find((file) => file.messageId === messageId) ?? null)
          }
          onClose={() => {
            setShown(null)
            onTaken()
          }}
          onFailure={() => {}}
        />
      )}
    </section>
  )
}

const GONE = 'The files were deleted by the person who has shared them.'

function LeftWords({ left }: { left: number | null }) {
  if (left === null) return null
  const words = left === 0 ? 'No download is left.' : `${countOf(left, 'download')} left.`
  return <p class="dim small">{words} Looking at a file counts, once.</p>
}

function linksOf(share: Share, onTaken: () => void) {
  return {
    toShow: async (file: ViewedFile) => share.addressOf(file, 'inline'),
    save: async (file: ViewedFile) => {
      const anchor = document.createElement('a')
      anchor.href = share.addressOf(file, 'attachment')
      anchor.download = file.fileName
      anchor.click()
      onTaken()
    },
  }
}

interface FileProps {
  share: Share
  file: SharedFile
  onShow: () => void
  onTaken: () => void
}

function OneFile({ share, file, showsName, onShow, onTaken }: FileProps & { showsName: boolean }) {
  const kind = kindOfItem(file)
  return (
    <>
      {canBeShown(kind) ? (
        <button type="button" class={`share-hero kind-${kind}`} onClick={onShow}>
          <Picture share={share} file={file} kind={kind} />
          <span class="share-play">
            <Icon name={isPlayed(kind) ? 'play' : 'eye'} />
            {verbOf(kind)}
          </span>
        </button>
      ) : (
        <div class={`share-hero kind-${kind}`}>
          <Picture share={share} file={file} kind={kind} />
        </div>
      )}
      <div class="share-one">
        <p class="share-about">
          {showsName && (
            <span class="name">
              <bdi>{file.fileName}</bdi>
            </span>
          )}
          <span class="dim">{formatBytes(file.size)}</span>
        </p>
        <a
          class="button main"
          href={share.addressOf(file, 'attachment')}
          download={file.fileName}
          onClick={onTaken}
        >
          <Icon name="download" />
          Download
        </a>
      </div>
    </>
  )
}

function FileRow({ share, file, onShow, onTaken }: FileProps) {
  const kind = kindOfItem(file)
  const text = (
    <>
      <span class="name">
        {canBeShown(kind) && <span class="unseen">{verbOf(kind)} </span>}
        <bdi>{file.fileName}</bdi>
      </span>
      <span class="dim small">{formatBytes(file.size)}</span>
    </>
  )
  return (
    <li class="row">
      <span class={`row-icon kind-${kind}`}>
        <Picture share={share} file={file} kind={kind} />
      </span>
      {canBeShown(kind) ? (
        <button type="button" class="share-name" onClick={onShow}>
          {text}
        </button>
      ) : (
        <span class="share-name">{text}</span>
      )}
      <a
        class="button words-unseen"
        href={share.addressOf(file, 'attachment')}
        download={file.fileName}
        aria-label={`Download: ${file.fileName}`}
        title="Download"
        onClick={onTaken}
      >
        <Icon name="download" />
      </a>
    </li>
  )
}

function FolderRow({ folder: { path, name, files, bytes } }: { folder: SharedFolder }) {
  return (
    <li class="row">
      <span class="row-icon kind-folder">
        <Icon name="folder" />
      </span>
      <a class="share-name" href={hashOf({ ...ROOT, folder: path })}>
        <span class="name">
          <bdi>{name}</bdi>
        </span>
        <span class="dim small">
          {countOf(files, 'file')} · {formatBytes(bytes)}
        </span>
      </a>
      <span class="dim">
        <Icon name="next" />
      </span>
    </li>
  )
}

/** The icon of a file, and the small picture over it where there is one. */
function Picture({ share, file, kind }: { share: Share; file: SharedFile; kind: FileKind }) {
  const [isMissing, setMissing] = useState(false)
  return (
    <>
      <Icon name={kind} />
      {file.thumbnail && !isMissing && (
        <img src={share.thumbnailOf(file)} alt="" loading="lazy" onError={() => setMissing(true)} />
      )}
    </>
  )
}

function Crumbs({ folder, name }: { folder: string; name: string }) {
  const crumbs = crumbsOf(folder)
  return (
    <nav class="crumbs" aria-label="Folders">
      <ol>
        <li>
          <a href={hashOf(ROOT)}>
            <bdi>{name}</bdi>
          </a>
        </li>
        {crumbs.map(({ path, name: each }, at) => (
          <li key={path}>
            {at === crumbs.length - 1 ? (
              <span class="small" aria-current="page">
                <bdi>{each}</bdi>
              </span>
            ) : (
              <a href={hashOf({ ...ROOT, folder: path })}>
                <bdi>{each}</bdi>
              </a>
            )}
          </li>
        ))}
      </ol>
    </nav>
  )
}

function isPlayed(kind: FileKind): boolean {
  return kind === 'video' || kind === 'audio'
}

function verbOf(kind: FileKind): string {
  return isPlayed(kind) ? 'Play' : 'Show'
}
