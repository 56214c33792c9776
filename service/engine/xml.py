"""The only parser of XML bytes: no DOCTYPE, no entities, no network, and caps on size, elements and depth."""

import re
from typing import Any, TypeAlias, cast

from lxml import etree

from service.errors import AppError, Text

#: An element of a parsed file; lxml's own class is private to its C module.
Node: TypeAlias = etree._Element

MOST_BYTES = 1 << 20
#: A process of 300 nodes has some 6,000 elements, its shapes and flows included.
MOST_ELEMENTS = 10_000
MOST_ATTRIBUTES = 60
MOST_DEPTH = 60


class XmlError(AppError):
    """The bytes are no XML we read; `facts["line"]` is the line, where one is known."""


def parse_xml(data: bytes, most: int = MOST_ELEMENTS) -> Node:
    """Return the root of `data`, of `most` elements at most. Raises `XmlError` with a clear text, the line in `facts`.

    A DOCTYPE is refused outright: diagrams need none, and entities are how XML attacks begin.
    """
    if len(data) > MOST_BYTES:
        raise XmlError(
            Text(
                f"文件有 {len(data)} 字节，最多 {MOST_BYTES} 字节",
                f"the file has {len(data)} bytes, {MOST_BYTES} at most",
            ),
            line=None,
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as broken:
        reason = (broken.msg or "no element found")[:200]
        told = Text(f"不是合格的 XML：{_in_chinese(reason)}", f"not well-formed XML: {reason}")
        raise XmlError(told, line=broken.lineno) from None
    except (ValueError, LookupError) as broken:
        reason = str(broken)[:200]
        told = Text(f"不是合格的 XML：{reason}", f"not well-formed XML: {reason}")
        raise XmlError(told, line=None) from None
    info: Any = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise XmlError(
            Text("不允许 DOCTYPE；请删去这一行", "a DOCTYPE is not allowed; delete that line"), line=1
        )
    _refuse_large(root, most)
    return root


#: What the parser says most often, as people read it; `{}` are the names it gives.
_SAID = (
    (r"Premature end of data in tag (\S+) line (\d+)", "文件不完整，第 {1} 行的 <{0}> 没有结束"),
    (
        r"Opening and ending tag mismatch: (\S+) line (\d+) and ([^\s,]+)",
        "第 {1} 行的 <{0}> 与结束标签 </{2}> 不配对",
    ),
    (r"Couldn't find end of Start Tag (\S+)", "文件不完整，标签 <{0} 没有写完"),
    (r"expected '>'", "标签没有写完，缺少“>”"),
    (r"Namespace prefix (\S+) .*not defined", "前缀 {0} 没有声明"),
    (r"Attribute (\S+) redefined", "属性 {0} 写了两次"),
    (r"Document is empty|no element found|Start tag expected.*", "文件里没有 XML 内容"),
    (r"Extra content at the end of the document", "文件末尾有多余的内容"),
    (r"AttValue: .*|attributes construct error", "属性的写法不对，值要用引号括起来"),
    (r"(?:xmlParse)?Entity.*|EntityRef: .*", "“&”之后的写法不对；“&”本身写作 &amp;"),
)


def _in_chinese(reason: str) -> str:
    """Return what the parser says in Chinese, as it says it where we have no words for it."""
    for pattern, words in _SAID:
        found = re.match(pattern, reason)
        if found is not None:
            return words.format(*found.groups())
    return f"写法有误（{reason}）"


def local(node: Node) -> str:
    """Return the element's name without its namespace; empty for what is no element (an entity)."""
    tag: Any = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace(node: Node) -> str:
    """Return the element's namespace, empty if it has none."""
    tag: Any = node.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else ""


def children(node: Node, uri: str, *names: str) -> list[Node]:
    """Return the child elements of namespace `uri`, of the given local `names` (none: all)."""
    return [one for one in node if namespace(one) == uri and (not names or local(one) in names)]


def child(node: Node, uri: str, name: str) -> Node | None:
    """Return the first child element of that namespace and name."""
    return next(iter(children(node, uri, name)), None)


def text_of(node: Node | None) -> str:
    """Return the element's whole text without surrounding space, empty for None."""
    return "" if node is None else "".join(str(part) for part in node.itertext()).strip()


def line_of(node: Node | None) -> int | None:
    """Return the line the element begins on."""
    # The stubs leave the attribute's type open.
    line: Any = None if node is None else node.sourceline
    return cast("int | None", line)


def _refuse_large(root: Node, most: int) -> None:
    count = 0
    depth = 0
    for event, _node in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if count > most:
            raise XmlError(
                Text(
                    f"文件的 XML 元素超过 {most} 个，从这一行起没有读；请拆成几个文件",
                    f"the file has more than {most} XML elements, from this line on none was read; split it",
                ),
                line=line_of(_node),
            )
        if event == "start" and len(_node.attrib) > MOST_ATTRIBUTES:
            raise XmlError(
                Text(
                    f"一个元素的属性超过 {MOST_ATTRIBUTES} 个",
                    f"an element has more than {MOST_ATTRIBUTES} attributes",
                ),
                line=line_of(_node),
            )
        if depth > MOST_DEPTH:
            raise XmlError(
                Text(f"嵌套超过 {MOST_DEPTH} 层", f"nested more than {MOST_DEPTH} deep"),
                line=line_of(_node),
            )
