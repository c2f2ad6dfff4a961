#include "uring.h"

#include <bpf/btf.h>

namespace {

// What a tracepoint hands to a program: `typedef void (*btf_trace_NAME)(void *, …)`.
const btf_type *tracepoint(const btf *types, const std::string &name) {
  const int id = btf__find_by_name_kind(types, ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return nullptr;
  const btf_type *pointer = btf__type_by_id(types, btf__type_by_id(types, id)->type);
  return btf_is_ptr(pointer) ? btf__type_by_id(types, pointer->type) : nullptr;
}

// Parameters are counted from 0, behind the first `void *`.
bool points_to(const btf *types, const btf_type *function, int parameter, const std::string &target) {
  if (!btf_is_func_proto(function) || btf_vlen(function) <= parameter + 1) return false;
  const btf_type *pointer = btf__type_by_id(types, btf_params(function)[parameter + 1].type);
  if (!btf_is_ptr(pointer)) return false;
  const btf_type *to = btf__type_by_id(types, pointer->type);
  return btf_is_struct(to) && target == btf__name_by_offset(types, to->name_off);
}

// Before Linux 6.16: the context, the request, its user data, and the result and flags of the entry.
bool passes_numbers(const btf *types, const btf_type *function) {
  if (!btf_is_func_proto(function) || btf_vlen(function) < 6) return false;
  const int result = btf__resolve_type(types, btf_params(function)[4].type);
  return result > 0 && btf_is_int(btf__type_by_id(types, result)) && btf__resolve_size(types, result) == sizeof(int);
}

UringSupport no(const std::string &why) { return {{}, why}; }

}  // namespace

UringSupport uring_support(const btf *types) {
  if (types == nullptr) return no("the kernel does not describe its types");
  if (btf__find_by_name_kind(types, "io_kiocb", BTF_KIND_STRUCT) < 0) return no("");
  const btf_type *submit = tracepoint(types, "io_uring_submit_req");
  const btf_type *submit_sqe = tracepoint(types, "io_uring_submit_sqe");  // before Linux 6.3
  const btf_type *complete = tracepoint(types, "io_uring_complete");
  if (submit == nullptr && submit_sqe == nullptr) return no("this kernel has no tracepoint io_uring_submit_req");
  if (complete == nullptr) return no("this kernel has no tracepoint io_uring_complete");
  // Other forms, older still, tell of other things: read as ours, they would make false events.
  if (!points_to(types, submit != nullptr ? submit : submit_sqe, 0, "io_kiocb"))
    return no("io_uring_submit_req passes no io_kiocb here");
  const bool by_entry = points_to(types, complete, 2, "io_uring_cqe");
  if (!by_entry && !passes_numbers(types, complete)) return no("io_uring_complete passes no result here");
  std::set<std::string> programs{submit != nullptr ? "on_uring_submit" : "on_uring_submit_sqe",
                                 by_entry ? "on_uring_complete" : "on_uring_complete_numbers"};
  // Before Linux 6.0 what finds the ring full passes io_uring_complete, too; the other tracepoint is of 6.1.
  if (tracepoint(types, "io_uring_cqe_overflow") != nullptr && tracepoint(types, "io_uring_local_work_run") != nullptr)
    programs.insert("on_uring_overflow");
  return {programs, ""};
}
