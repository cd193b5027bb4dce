from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SyncdVersion(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class SyncdIndex(_message.Message):
    __slots__ = ("blob",)
    BLOB_FIELD_NUMBER: _ClassVar[int]
    blob: bytes
    def __init__(self, blob: _Optional[bytes] = ...) -> None: ...

class SyncdValue(_message.Message):
    __slots__ = ("blob",)
    BLOB_FIELD_NUMBER: _ClassVar[int]
    blob: bytes
    def __init__(self, blob: _Optional[bytes] = ...) -> None: ...

class KeyId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    def __init__(self, id: _Optional[bytes] = ...) -> None: ...

class SyncdRecord(_message.Message):
    __slots__ = ("index", "value", "key_id")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    index: SyncdIndex
    value: SyncdValue
    key_id: KeyId
    def __init__(self, index: _Optional[_Union[SyncdIndex, _Mapping[str, object]]] = ..., value: _Optional[_Union[SyncdValue, _Mapping[str, object]]] = ..., key_id: _Optional[_Union[KeyId, _Mapping[str, object]]] = ...) -> None: ...

class SyncdMutation(_message.Message):
    __slots__ = ("operation", "record")
    class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SET: _ClassVar[SyncdMutation.Operation]
        REMOVE: _ClassVar[SyncdMutation.Operation]
    SET: SyncdMutation.Operation
    REMOVE: SyncdMutation.Operation
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    operation: SyncdMutation.Operation
    record: SyncdRecord
    def __init__(self, operation: _Optional[_Union[SyncdMutation.Operation, str]] = ..., record: _Optional[_Union[SyncdRecord, _Mapping[str, object]]] = ...) -> None: ...

class SyncdPatch(_message.Message):
    __slots__ = ("version", "mutations", "snapshot_mac", "patch_mac", "key_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MUTATIONS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_MAC_FIELD_NUMBER: _ClassVar[int]
    PATCH_MAC_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    version: SyncdVersion
    mutations: _containers.RepeatedCompositeFieldContainer[SyncdMutation]
    snapshot_mac: bytes
    patch_mac: bytes
    key_id: KeyId
    def __init__(self, version: _Optional[_Union[SyncdVersion, _Mapping[str, object]]] = ..., mutations: _Optional[_Iterable[_Union[SyncdMutation, _Mapping[str, object]]]] = ..., snapshot_mac: _Optional[bytes] = ..., patch_mac: _Optional[bytes] = ..., key_id: _Optional[_Union[KeyId, _Mapping[str, object]]] = ...) -> None: ...

class PushNameSetting(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class SyncActionValue(_message.Message):
    __slots__ = ("timestamp", "push_name_setting")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_SETTING_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    push_name_setting: PushNameSetting
    def __init__(self, timestamp: _Optional[int] = ..., push_name_setting: _Optional[_Union[PushNameSetting, _Mapping[str, object]]] = ...) -> None: ...

class SyncActionData(_message.Message):
    __slots__ = ("index", "value", "padding", "version")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    index: bytes
    value: SyncActionValue
    padding: bytes
    version: int
    def __init__(self, index: _Optional[bytes] = ..., value: _Optional[_Union[SyncActionValue, _Mapping[str, object]]] = ..., padding: _Optional[bytes] = ..., version: _Optional[int] = ...) -> None: ...
