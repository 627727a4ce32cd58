// Names under which modules publish static types whose own name is another.
//
// A core without its ELF files has no C strings of static types; the key in a module's dict is then
// all there is, and for some forty types of the core that key is not the type's name
// (`types.FunctionType` is called `function`). The list holds those that `types`, `_types`,
// `_collections_abc`, `_weakref` and `io` publish; it is true of every version in which the key
// exists.
#pragma once

#include <string_view>
#include <utility>

namespace coreheap::python {

inline constexpr std::pair<std::string_view, std::string_view> kPublicNames[] = {
    {"FunctionType", "function"},
    {"LambdaType", "function"},
    {"CodeType", "code"},
    {"MappingProxyType", "mappingproxy"},
    {"DictProxyType", "dictproxy"},
    {"CellType", "cell"},
    {"GeneratorType", "generator"},
    {"CoroutineType", "coroutine"},
    {"AsyncGeneratorType", "async_generator"},
    {"MethodType", "method"},
    {"UnboundMethodType", "instancemethod"},
    {"BuiltinFunctionType", "builtin_function_or_method"},
    {"BuiltinMethodType", "builtin_function_or_method"},
    {"WrapperDescriptorType", "wrapper_descriptor"},
    {"MethodWrapperType", "method-wrapper"},
    {"MethodDescriptorType", "method_descriptor"},
    {"ClassMethodDescriptorType", "classmethod_descriptor"},
    {"ModuleType", "module"},
    {"TracebackType", "traceback"},
    {"FrameType", "frame"},
    {"FrameLocalsProxyType", "FrameLocalsProxy"},
    {"GetSetDescriptorType", "getset_descriptor"},
    {"MemberDescriptorType", "member_descriptor"},
    {"EllipsisType", "ellipsis"},
    {"NoneType", "NoneType"},
    {"NotImplementedType", "NotImplementedType"},
    {"CapsuleType", "PyCapsule"},
    {"SimpleNamespace", "types.SimpleNamespace"},
    {"GenericAlias", "types.GenericAlias"},
    {"ClassType", "classobj"},
    {"InstanceType", "instance"},
    {"FileType", "file"},
    {"SliceType", "slice"},
    {"XRangeType", "xrange"},
    {"BufferType", "buffer"},
};

}  // namespace coreheap::python
